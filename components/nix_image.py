"""The image of a release, built by Nix."""

from __future__ import annotations

import pulumi

from flakeship.model import codec
from flakeship.model.release import Built, Release
from flakeship.nix.build import BuildRequest

from .command import command_resource


class NixImage(pulumi.ComponentResource):
    """A release's image file in the Nix store, kept from collection as long as this exists.

    The output path is its identity and known at preview. The derivation is only what gets built:
    it may change without the output, and then nothing happens; so the request is looked at when the
    image is made and never again.
    """

    built: pulumi.Output[Built]

    def __init__(
        self,
        release: Release,
        stack: str,
        sha512: str,
        room: int = 0,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:index:NixImage", release.name, None, opts)
        request = BuildRequest(release, f".state/{stack}/roots/{release.name}", sha512, room)
        command = command_resource(
            f"image-{release.name}",
            "build",
            codec.dump(request),
            delete="forget",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["stdin"]),
        )
        self.built = command.stdout.apply(lambda text: codec.parse(Built, text))
        self.register_outputs({"path": release.path, "toplevel": release.toplevel})
