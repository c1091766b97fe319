"""The target `local`: each server is a QEMU process on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flakeship.config.target import Features, ImageSupport
from flakeship.targets.base import Command, Operator, Plan, Plugin, Target, TargetSpec, Tool

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

    def commands(self) -> Mapping[str, Command]:
        """The internal commands."""
        from flakeship.targets.local.commands import COMMANDS  # noqa: PLC0415

        return COMMANDS


SPEC: TargetSpec = Local()
