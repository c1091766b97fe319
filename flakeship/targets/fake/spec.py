"""The target `fake`: machines are entries of a file. Copy these folders to begin another target."""

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


class Fake:
    """See flakeship.targets.base.TargetSpec. The rest of the target is imported when it is used."""

    name = "fake"
    features = Features(standby=True)
    images = ImageSupport(
        formats=("qcow2", "raw", "raw.zst", "vma.zst", "netboot"),
        firmware=("bios", "hybrid", "uefi"),
        variants=("qemu", "openstack", "proxmox", "netboot", "raw"),
    )
    checks = frozenset({"boot"})
    plugins: tuple[Plugin, ...] = ()
    logins = staticmethod(no_logins)
    tools: tuple[Tool, ...] = ()

    @property
    def settings(self) -> type[TargetOptions]:
        """The model of flakeship:fake."""
        from flakeship.targets.fake.settings import FakeSettings  # noqa: PLC0415

        return FakeSettings

    @property
    def server(self) -> type[ServerOptions]:
        """The model of the block `fake:` of a server."""
        from flakeship.targets.fake.settings import FakeOptions  # noqa: PLC0415

        return FakeOptions

    def open(self, stack: str, settings: AnySettings) -> Target[Any, Plan]:
        """The target for a Pulumi program."""
        from flakeship.targets.fake.plan import FakeTarget  # noqa: PLC0415

        return FakeTarget(stack)

    def operator(self, stack: Stack) -> Operator:
        """The target for the user's commands."""
        from flakeship.targets.fake.operate import FakeOperator  # noqa: PLC0415

        return FakeOperator(stack)

    def resource_types(self) -> Mapping[str, ResourceType]:
        """The types of its resources, and what makes and removes them."""
        from flakeship.targets.fake.resource_types import TYPES  # noqa: PLC0415

        return TYPES

    def functions(self) -> Mapping[str, Function]:
        """Its functions."""
        from flakeship.targets.fake.functions import FUNCTIONS  # noqa: PLC0415

        return FUNCTIONS

    def preload(self, what: Preloaded) -> None:
        """What they need."""
        self.functions() if what == "functions" else self.resource_types()


SPEC: TargetSpec = Fake()
