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

    It has at most so many `machines`, and `templates` on each node, those that were lost too: their
    ids are not taken again. They are on these `nodes`, empty: any. `disks` is the storage of their
    disks, `first` and `last` the range of their ids.
    """

    access: Access
    stack: str
    machines: int
    templates: int
    disks: str
    first: int
    last: int
    nodes: list[str] = field(default_factory=list)

    def ids_needed(self, nodes: int) -> int:
        """How many free ids are enough, with templates on so many nodes."""
        return self.machines + self.templates * max(1, nodes)

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
