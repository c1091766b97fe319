"""The image of a release, built by Nix."""

from __future__ import annotations

import pulumi

from flakeship.model import artifact, codec
from flakeship.model.artifact import Artifact, File
from flakeship.model.release import Release
from flakeship.nix.build import BuildRequest

from .command import command_resource


class NixImage(pulumi.ComponentResource):
    """A release's image in the Nix store, kept from collection as long as this exists.

    The output path is its identity and known at preview. The derivation is only what gets built:
    it may change without the output, and then nothing happens; so the request is looked at when the
    image is made and never again.
    """

    artifact: pulumi.Output[Artifact]

    def __init__(
        self,
        release: Release,
        stack: str,
        verified: tuple[File, ...] = (),
        max_image_disk: int = 0,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("flakeship:index:NixImage", release.name, None, opts)
        root = f".state/{stack}/roots/{release.name}"
        request = BuildRequest(release, root, verified, max_image_disk)
        command = command_resource(
            f"image-{release.name}",
            "build",
            codec.dump(request),
            delete="forget",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["stdin"]),
        )
        self.artifact = command.stdout.apply(artifact.read)
        self.register_outputs({"files": release.paths, "toplevel": release.toplevel})
