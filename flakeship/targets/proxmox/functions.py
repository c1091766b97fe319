"""The target's functions: what a program reads of a cluster, which needs urllib3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flakeship.targets.base import Function
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.inventory import Inventory

INSPECT = "inspect"


@dataclass(frozen=True)
class InspectRequest:
    """Inspect a cluster for a stack.

    It has so many `servers` and `hosts`, and puts them on these `nodes`, empty: any. `disks` is the
    storage of their disks, `first` and `last` the range of their ids.
    """

    access: Access
    stack: str
    servers: int
    hosts: int
    disks: str
    first: int
    last: int
    nodes: list[str] = field(default_factory=list)

    @property
    def ids(self) -> range:
        """The range of ids."""
        return range(self.first, self.last + 1)


def _inspect(request: InspectRequest) -> Inventory:
    from flakeship.targets.proxmox import inspect  # noqa: PLC0415

    return inspect.inspect(request)


FUNCTIONS: Mapping[str, Function] = {
    INSPECT: Function(InspectRequest, Inventory, _inspect),
}
