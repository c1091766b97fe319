"""The target `local`: each server is a QEMU process on the workstation."""

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


class Local:
    """See flakeship.targets.base.TargetSpec."""

    name = "local"
    features = Features(data_disks=True, host_ports=True)
    images = ImageSupport(
        formats=("qcow2", "raw"),
        systems=("x86_64-linux",),
        firmware=("bios", "hybrid"),  # the machine type is i440fx with its BIOS
        variants=("qemu", "openstack", "proxmox", "raw"),
    )
    checks = frozenset({"isolation"})
    plugins: tuple[Plugin, ...] = ()
    logins = staticmethod(no_logins)
    tools = (
        Tool("qemu-system-x86_64", "the package qemu-system-x86 or qemu-base"),
        Tool("qemu-img", "the package qemu-utils or qemu-img"),
    )

    @property
    def settings(self) -> type[TargetOptions]:
        """Whether machines reach the workstation."""
        from flakeship.targets.local.settings import LocalOptions  # noqa: PLC0415

        return LocalOptions

    @property
    def server(self) -> type[ServerOptions]:
        """No keys of its own in a server."""
        from flakeship.config.server import ServerOptions  # noqa: PLC0415

        return ServerOptions

    def open(self, stack: str, settings: AnySettings) -> Target[Any, Plan]:
        """The target for a Pulumi program."""
        from flakeship.targets.local.plan import LocalTarget  # noqa: PLC0415

        return LocalTarget(stack, settings)

    def operator(self, stack: Stack) -> Operator:
        """The target for the user's commands."""
        from flakeship.targets.local.operate import LocalOperator  # noqa: PLC0415

        return LocalOperator(stack)

    def resource_types(self) -> Mapping[str, ResourceType]:
        """The types of its resources, and what makes and removes them."""
        from flakeship.targets.local.resource_types import TYPES  # noqa: PLC0415

        return TYPES

    def functions(self) -> Mapping[str, Function]:
        """None: the workstation is looked at by the program itself."""
        return {}

    def preload(self, what: Preloaded) -> None:
        """What the operations need."""
        if what == "functions":
            return
        from flakeship.nix import store  # noqa: PLC0415, F401
        from flakeship.targets.local import (  # noqa: PLC0415
            cutover,  # noqa: F401
            data_disks,  # noqa: F401
            machine,  # noqa: F401
            verify_machine,  # noqa: F401
        )


SPEC: TargetSpec = Local()
