"""The target `openstack`: images in Glance, servers in Nova, addresses in Neutron."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from flakeship.config.target import Features, ImageSupport
from flakeship.targets.base import (
    Function,
    LoggedIn,
    Operator,
    Plan,
    Plugin,
    Preloaded,
    ResourceType,
    Target,
    TargetSpec,
    Tool,
)

if TYPE_CHECKING:
    from flakeship.config.server import ServerOptions
    from flakeship.config.settings import AnySettings, TargetOptions
    from flakeship.state.stack import Stack


class OpenStack:
    """See flakeship.targets.base.TargetSpec. Whatever needs openstacksdk is imported when used."""

    name = "openstack"
    features = Features(sources=True, standby=True, no_servers=True, secrets=True)
    images = ImageSupport(
        formats=("qcow2", "raw"),
        firmware=("bios", "hybrid", "uefi"),
        variants=("openstack", "openstack-hybrid", "openstack-uefi", "raw"),
    )
    checks = frozenset({"api", "port-scan", "ipv6"})
    plugins = (Plugin("openstack", "5.5.1"),)
    tools: tuple[Tool, ...] = ()

    @property
    def settings(self) -> type[TargetOptions]:
        """The model of flakeship:openstack."""
        from flakeship.targets.openstack.settings import OpenStackSettings  # noqa: PLC0415

        return OpenStackSettings

    @property
    def server(self) -> type[ServerOptions]:
        """The model of the block `openstack:` of a server."""
        from flakeship.targets.openstack.settings import OpenStackServer  # noqa: PLC0415

        return OpenStackServer

    def open(self, stack: str, settings: AnySettings) -> Target[Any, Plan]:
        """The target for a Pulumi program."""
        from flakeship.targets.openstack.plan import OpenStackTarget  # noqa: PLC0415

        return OpenStackTarget(stack, settings)

    def operator(self, stack: Stack) -> Operator:
        """The target for the user's commands."""
        from flakeship.targets.openstack.operate import OpenStackOperator  # noqa: PLC0415

        return OpenStackOperator(stack)

    def resource_types(self) -> Mapping[str, ResourceType]:
        """The types of its resources, and what makes and removes them."""
        from flakeship.targets.openstack.resource_types import TYPES  # noqa: PLC0415

        return TYPES

    def functions(self) -> Mapping[str, Function]:
        """Its functions."""
        from flakeship.targets.openstack.functions import FUNCTIONS  # noqa: PLC0415

        return FUNCTIONS

    def logins(self, given: str) -> AbstractContextManager[LoggedIn]:
        """One token for a whole run."""
        from flakeship.targets.openstack.api.sessions import handed_on  # noqa: PLC0415

        return handed_on(given)

    def preload(self, what: Preloaded) -> None:
        """What they need."""
        from openstack import connection  # noqa: PLC0415, F401

        from flakeship.targets.openstack import inspect  # noqa: PLC0415, F401

        if what == "functions":
            return
        from flakeship.targets.openstack.images import publish  # noqa: PLC0415, F401
        from flakeship.targets.openstack.servers import (  # noqa: PLC0415
            ephemeral,  # noqa: F401
            verify_server,  # noqa: F401
        )


SPEC: TargetSpec = OpenStack()
