"""Which node a machine is on: a named one, that of its predecessor, or the one with most room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from flakeship.model.errors import FlakeshipError, SettingError, did_you_mean
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.inventory import Inventory, Node
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.settings import ProxmoxInstance


@dataclass
class Placement:
    """The nodes of one run; `promised` is the memory in MiB that its new machines take of each."""

    context: PlanningContext
    promised: Counter[str] = field(default_factory=Counter)

    def place(self, machine: Machine) -> str:
        """The node of a new machine. Raises FlakeshipError where no node can have it."""
        server = machine.server
        if (left := self.context.left(machine)) is not None:
            return left.node
        usable = self._usable(server)
        names = [node.name for node in usable]
        deployed = self.context.deployed.get(server.name, [])
        before = [
            *(vm.node for vm in self.context.of_release(server)),
            *(machine.node for machine in deployed),
        ]
        roomy = min(usable, key=lambda node: (-self._room(node), node.name))
        chosen = next((name for name in before if name in names), roomy.name)
        self.promised[chosen] += server.memory
        return chosen

    def _usable(self, server: ProxmoxInstance) -> list[Node]:
        """The nodes that can have a new machine of a server. Raises FlakeshipError for none."""
        found = candidates(self.context, server)
        large = [node for node in found if not node.memory or node.memory >= server.memory]
        if not large:
            most = max(node.memory for node in found)
            raise SettingError(
                "no node that it may be on has so much",
                code="memory-too-large",
                key=f"flakeship:servers[{server.name}].memory",
                given=f"{server.memory} MiB",
                allowed=f"up to {most} MiB",
            )
        return large

    def _room(self, node: Node) -> int:
        """Memory that is free; of a node whose figures are hidden less what its machines have."""
        used = self.promised[node.name]
        if node.memory:
            return node.free - used
        return -used - sum(
            vm.memory for vm in self.context.inventory.vms if vm.node == node.name and vm.running
        )


def candidates(context: PlanningContext, server: ProxmoxInstance) -> list[Node]:
    """The nodes that are online and have the storages. Raises FlakeshipError where none is."""
    inventory, options = context.inventory, context.settings.options
    named = server.options.node
    names: Sequence[str] = [named] if named else options.nodes
    known = [node.name for node in inventory.nodes]
    for number, name in enumerate(names):
        if name not in known:
            raise SettingError(
                "the cluster has no such node",
                code="node-unknown",
                key=f"flakeship:servers[{server.name}].proxmox.node"
                if named
                else f"flakeship:proxmox.nodes[{number}]",
                given=name,
                allowed=", ".join(known),
                remedy=did_you_mean(name, known),
            )
    online = [node for node in inventory.online if not names or node.name in names]
    if not online:
        raise FlakeshipError(
            "no node for its machines is online",
            code="node-offline",
            key=server.name,
            given=", ".join(names or known),
            remedy="`pvecm nodes` on a node shows the cluster; a server may have another node",
        )
    having = [node for node in online if has_storages(inventory, context, node.name)]
    if not having:
        storage = options.storage
        raise FlakeshipError(
            f"no node for its machines has both storages, {storage.images} and {storage.disks}",
            code="storage-missing",
            key=server.name,
            given=", ".join(node.name for node in online),
            remedy="`pvesm status` on a node shows what it has",
        )
    return having


def has_storages(inventory: Inventory, context: PlanningContext, node: str) -> bool:
    """Whether a node can have templates: both storages are available there."""
    storage = context.settings.options.storage
    found = [inventory.storage(name, node) for name in (storage.images, storage.disks)]
    return all(each is not None and each.available for each in found)
