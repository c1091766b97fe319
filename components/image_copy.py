"""The copy of a verified image in the stack's image store."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from flakeship.model import codec
from flakeship.model.release import Release
from flakeship.nix.image_store import StoreImageRequest
from flakeship.state.resources import IMAGE_COPY

from .command import command


class ImageCopyArgs(TypedDict):
    """A release, the URL of the image store, and what is known once its servers run it."""

    release: Release
    image_store: str
    after: pulumi.Input[object]


class ImageCopy(pulumi.ComponentResource):
    """The image of the release that a host runs, in the image store.

    It is named by the host alone, so a new release updates it; the store keeps the older ones.
    """

    def __init__(
        self, name: str, args: ImageCopyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:index:ImageCopy", name, None, opts)
        release = args["release"]
        request = StoreImageRequest(release.name, release.out, args["image_store"])
        environment: dict[str, pulumi.Input[str]] = {**codec.variables(request)}
        after = pulumi.Output.from_input(args["after"])
        environment["output"] = after.apply(lambda _: request.output)
        command(
            IMAGE_COPY.name(name),
            {"create": "store-image", "environment": environment},
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"image_store": request.image_store})
