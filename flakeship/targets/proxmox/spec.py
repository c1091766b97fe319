"""The target `proxmox`: templates and their clones on a cluster of Proxmox VE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flakeship.config.target import Features, ImageSupport
from flakeship.targets.base import (
    Function,
    Operator,
    Plan,
    Plugin,
    Preloaded,
    ResourceType,
    Target,
    TargetSpec,
    Tool,
    no_logins,
)

if TYPE_CHECKING:
    from flakeship.config.server import ServerOptions
    from flakeship.config.settings import AnySettings, TargetOptions
    from flakeship.state.stack import Stack

SOURCE = "github://api.github.com/muhlba91/pulumi-proxmoxve"


class Proxmox:
    """See flakeship.targets.base.TargetSpec. Whatever needs urllib3 is imported when used."""

    name = "proxmox"
    features = Features(standby=True, secrets=True)
    images = ImageSupport(
        formats=("qcow2",),
        systems=("x86_64-linux",),
        firmware=("bios", "hybrid", "uefi"),
        variants=(
            "proxmox",
            "qemu",
            "qemu-uefi",
            "openstack",
            "openstack-hybrid",
            "openstack-uefi",
        ),
    )
    checks = frozenset({"api", "cutover", "port-scan", "static-address"})
    plugins = (Plugin("proxmoxve", "8.3.0", SOURCE),)
    logins = staticmethod(no_logins)
    tools: tuple[Tool, ...] = ()

    @property
    def settings(self) -> type[TargetOptions]:
        """The model of flakeship:proxmox."""
        from flakeship.targets.proxmox.settings import ProxmoxSettings  # noqa: PLC0415

        return ProxmoxSettings

    @property
    def server(self) -> type[ServerOptions]:
        """The model of the block `proxmox:` of a server."""
        from flakeship.targets.proxmox.server_settings import ProxmoxServer  # noqa: PLC0415

        return ProxmoxServer

    def open(self, stack: str, settings: AnySettings) -> Target[Any, Plan]:
        """The target for a Pulumi program."""
        from flakeship.targets.proxmox.plan import ProxmoxTarget  # noqa: PLC0415

        return ProxmoxTarget(stack, settings)

    def operator(self, stack: Stack) -> Operator:
        """The target for the user's commands."""
        from flakeship.targets.proxmox.operate import ProxmoxOperator  # noqa: PLC0415

        return ProxmoxOperator(stack)

    def resource_types(self) -> Mapping[str, ResourceType]:
        """The types of its resources, and what makes and removes them."""
        from flakeship.targets.proxmox.resource_types import TYPES  # noqa: PLC0415

        return TYPES

    def functions(self) -> Mapping[str, Function]:
        """Its functions."""
        from flakeship.targets.proxmox.functions import FUNCTIONS  # noqa: PLC0415

        return FUNCTIONS

    def preload(self, what: Preloaded) -> None:
        """What they need."""
        import urllib3  # noqa: F401, PLC0415

        from flakeship.targets.proxmox import inspect  # noqa: F401, PLC0415

        if what == "operations":
            from flakeship.targets.proxmox import ownership, proof, uploads  # noqa: F401, PLC0415
            from flakeship.targets.proxmox.cutover import cutover  # noqa: F401, PLC0415
            from flakeship.targets.proxmox.guest import verify_machine  # noqa: F401, PLC0415


SPEC: TargetSpec = Proxmox()
