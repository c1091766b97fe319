"""The target's functions: what a program reads of a cloud, which needs openstacksdk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flakeship.targets.base import Function
from flakeship.targets.openstack.inventory import Inventory, Needed

INSPECT = "inspect"
FIND_SERVER = "findServer"


@dataclass(frozen=True)
class InspectRequest:
    """Inspect a cloud; `cloud` is as in the requests of the resources.

    `images` are ids: their members are asked for, and they may be of other projects.
    """

    cloud: str
    needed: Needed
    images: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FindServerRequest:
    """Find a stack's newest server of a name that is none of the `others`, by their ids.

    Names are unique in no project: another stack may make one of the same name at the same time.
    """

    cloud: str
    stack: str
    name: str
    others: list[str]


@dataclass(frozen=True)
class FoundServer:
    """A server in Nova, empty where there is none. `image` is empty where it boots from a volume.

    `failure` is the message about a server in ERROR.
    """

    id: str = ""
    image: str = ""
    failure: str = ""


def _inspect(request: InspectRequest) -> Inventory:
    from flakeship.targets.openstack import inspect  # noqa: PLC0415

    return inspect.inspect(request.cloud, request.needed, request.images)


def _find_server(request: FindServerRequest) -> FoundServer:
    from flakeship.targets.openstack.servers import nova  # noqa: PLC0415

    return nova.find_server(request)


FUNCTIONS: Mapping[str, Function] = {
    INSPECT: Function(InspectRequest, Inventory, _inspect),
    FIND_SERVER: Function(FindServerRequest, FoundServer, _find_server),
}
