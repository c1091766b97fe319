"""An image of a NixOS configuration, for whatever boots it."""

import asyncio
from typing import NotRequired, TypedDict, get_args

import pulumi

from components import nix_image
from flakeship.config.server import ServerOptions
from flakeship.config.settings import TargetOptions
from flakeship.config.target import Features, ImageSupport
from flakeship.model.release import Firmware, Format, Release
from flakeship.release.desired import Flake, Found
from plugin import component, settings


class Anything:
    """What boots an image that is not for one of our targets: see TargetSchema."""

    name = "image"
    features = Features(no_servers=True)
    images = ImageSupport(get_args(Format), get_args(Firmware), variants=("qemu",))
    checks = frozenset[str]()
    settings = TargetOptions
    server = ServerOptions


class NixImageArgs(TypedDict):
    """The arguments of NixImage."""

    flake: str
    """The flake: a directory, or any flake reference. It has `flakeship.<host>.<variant>`."""
    host: str
    """The NixOS configuration in the flake."""
    variant: NotRequired[str]
    """The image format of the host, such as `openstack` or `proxmox`; `qemu` without it."""
    authorizedKeys: NotRequired[list[str]]
    """The public keys that go into the image, or files of them. Without any: the key of this
    directory, `.state/id_ed25519.pub`, which is made where it is missing."""
    allowImportFromDerivation: NotRequired[bool]
    """Whether evaluating the flake, and so a preview, may build."""


class NixImage(pulumi.ComponentResource):
    """The image of a NixOS configuration, built by Nix and kept from garbage collection.

    A preview evaluates it and builds nothing; where the image would be another one, its name and
    path are others. The name of the resource has up to 63 letters, digits, dots, dashes and
    underscores, first a letter or a digit.
    """

    name: pulumi.Output[str]
    """The name of the release: `<host>-<8 characters of its hash>`."""
    path: pulumi.Output[str]
    """The file, or the first of several, in the Nix store of this workstation."""
    files: pulumi.Output[list[str]]
    """All files: a netboot image has several."""
    sha512: pulumi.Output[str]
    """The SHA-512 of `path` in hexadecimal, known once it is built."""
    size: pulumi.Output[int]
    """The size of `path` in bytes, known once it is built."""
    format: pulumi.Output[str]
    """The format of the image: `qcow2`, `raw`, `raw.zst`, `vma.zst` or `netboot`."""
    toplevel: pulumi.Output[str]
    """What /run/current-system is in a machine that runs the image."""
    memory: pulumi.Output[int]
    """The least memory to boot with, in MiB."""
    version: pulumi.Output[str]
    """The version of the release, for people."""

    def __init__(
        self,
        name: str,
        args: NixImageArgs,  # noqa: ARG002 - the release is evaluated from them
        opts: pulumi.ResourceOptions | None = None,
        found: Found | None = None,
    ) -> None:
        super().__init__("flakeship:index:NixImage", name, None, opts)
        assert found, "it has been prepared"
        (release,) = found.releases.values()
        component.warn(self, *found.warnings)
        artifact = nix_image.build(
            f"{name}-{release.name}",
            {"release": release, "stack": pulumi.get_stack()},
            pulumi.ResourceOptions(parent=self),
        )
        self._describe(release)
        self.sha512 = artifact.apply(lambda built: built.files[0].sha512)
        self.size = artifact.apply(lambda built: built.files[0].size)
        self.register_outputs({"path": self.path, "toplevel": self.toplevel})

    def _describe(self, release: Release) -> None:
        """What is known of it before it is built."""
        self.name = pulumi.Output.from_input(release.name)
        self.files = pulumi.Output.from_input(release.paths)
        self.path = pulumi.Output.from_input(release.paths[0])
        self.format = pulumi.Output.from_input(str(release.format))
        self.toplevel = pulumi.Output.from_input(release.toplevel)
        self.memory = pulumi.Output.from_input(release.memory)
        self.version = pulumi.Output.from_input(release.version)

    @staticmethod
    async def prepare(name: str, args: NixImageArgs, stack: str) -> Found:
        """Evaluate the host. Raises FlakeshipError."""
        target = Anything()
        given = settings.of_image(name, args, target)
        flake = Flake(given, stack, target, verified=False)
        return await asyncio.to_thread(flake.releases, [given.host])
