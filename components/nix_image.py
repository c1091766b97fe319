"""The image of a release, built by Nix."""

from __future__ import annotations

from typing import NotRequired, TypedDict

import pulumi

from flakeship.model import codec
from flakeship.model.release import Artifact, Release
from flakeship.nix.build import BuildRequest
from flakeship.state.resources import IMAGE

from .command import answer, command


class NixImageArgs(TypedDict):
    """One evaluated host and variant, and the name of the stack that keeps it."""

    release: pulumi.Input[Release]
    stack: pulumi.Input[str]
    verified: NotRequired[pulumi.Input[Artifact | None]]
    """What was verified of it: it is never built again, and needs to be here only to be booted."""
    max_image_disk: NotRequired[pulumi.Input[int]]
    """The smallest root disk in MiB that is to boot it; 0: any."""


def build(name: str, args: NixImageArgs, opts: pulumi.ResourceOptions) -> pulumi.Output[Artifact]:
    """Declare the build of an image, and the links of this `name` that keep it.

    The output path is its identity and known at preview. The derivation is only what gets built:
    it may change without the output, and then nothing happens; so the request counts when the
    image is made and never again. Another release needs another name.
    """
    request = pulumi.Output.all(
        args["release"], args["stack"], args.get("verified"), args.get("max_image_disk", 0), name
    ).apply(lambda given: BuildRequest.of(*given))
    built = command(
        IMAGE.name(name),
        {
            "create": "build-image",
            "delete": "remove-gc-roots",
            "environment": request.apply(codec.variables),
        },
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["environment"])),
    )
    return answer(built, Artifact)


class NixImage(pulumi.ComponentResource):
    """A release's files in the Nix store, kept from garbage collection as long as this exists."""

    artifact: pulumi.Output[Artifact]

    def __init__(
        self, name: str, args: NixImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:index:NixImage", name, None, opts)
        self.artifact = build(name, args, pulumi.ResourceOptions(parent=self))
        release = pulumi.Output.from_input(args["release"])
        self.register_outputs(
            {
                "files": release.apply(lambda known: known.paths),
                "toplevel": release.apply(lambda known: known.toplevel),
            }
        )
