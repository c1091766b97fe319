"""A cluster in memory, on which plans are carried out: what they make is there in the next run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flakeship.model import codec, ledger
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.state import outputs
from flakeship.targets.proxmox.context import vm_name
from flakeship.targets.proxmox.inventory import Inventory, Node, Storage, Vm
from flakeship.targets.proxmox.outputs import (
    ServerDetails,
    StackDetails,
    plain_machines,
)
from flakeship.targets.proxmox.plan import ProxmoxTarget, StackPlan, access, inspect_request
from flakeship.targets.proxmox.resources import Marks, marks, tags
from flakeship.targets.proxmox.settings import ClusterSettings
from tests.targets.proxmox.unit.cluster import permissions
from tests.targets.proxmox.unit.schema import read
from tests.unit.model.test_ledger import release, verified

OWN = {"pool": "iac"}
CONTENT = ["backup", "images", "import", "iso"]


def storage(name: str, node: str, **more: Any) -> Storage:
    """A storage of 100 GiB for everything."""
    given: dict[str, Any] = {"type": "dir", "content": CONTENT, "shared": False, "available": True}
    given |= more
    return Storage(name, node, free=102400, **given)


def nodes(*names: str) -> list[Node]:
    """Nodes with the same memory, the first with most of it free."""
    return [Node(name, True, 65536, 32768 - number) for number, name in enumerate(names)]


def inventory(*names: str, shared: bool = False, **more: Any) -> Inventory:
    """A cluster of nodes, on which nothing is yet."""
    names = names or ("pve1", "pve2")
    made = Inventory(
        endpoint="https://pve1.example.com:8006",
        user="iac@pve!ci",
        version="8.4.0",
        permissions=permissions((8, 4)),
        nodes=nodes(*names),
        storages=[
            storage(name, node, shared=shared) for name in ("local", "local-lvm") for node in names
        ],
        vms=[],
        pools=["iac"],
        free=range(9000, 9100),
        bridges={name: ["vmbr0", "vmbr1"] for name in names},
    )
    return replace(made, **more)


@dataclass
class World:
    """A stack and its cluster."""

    inventory: Inventory = field(default_factory=inventory)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def vms(self) -> dict[int, Vm]:
        return {vm.id: vm for vm in self.inventory.vms}

    def change(self, **changed: Any) -> None:
        """Change the cluster."""
        self.inventory = replace(self.inventory, **changed)

    def set(self, *vms: Vm) -> None:
        """Put virtual machines in the place of those with the same ids."""
        found = {**self.vms, **{vm.id: vm for vm in vms}}
        self.change(vms=[found[vmid] for vmid in sorted(found)])

    def remove(self, *vmids: int) -> None:
        """Remove virtual machines behind the stack's back."""
        clones = {
            base: [each for each in users if each not in vmids]
            for base, users in self.inventory.clones.items()
            if base not in vmids
        }
        self.change(vms=[vm for vm in self.inventory.vms if vm.id not in vmids], clones=clones)

    def settings(self, servers: Any = None, own: Any = None, **core: Any) -> ClusterSettings:
        return read(servers, {**OWN, **(own or {})}, **core)

    def plan(self, *given: Any, **more: Any) -> StackPlan:
        """The plan for a release, given by its number or whole."""
        target, desired, found = self.arguments(*given, **more)
        return target.plan(desired, found)

    def arguments(
        self,
        number: int | Release = 1,
        servers: Any = None,
        own: Any = None,
        stack: str = "dev",
        **core: Any,
    ) -> tuple[ProxmoxTarget, Desired, Inventory]:
        """What is planned, and from what."""
        settings = self.settings(servers, own, **core)
        wanted = release(number) if isinstance(number, int) else number
        before = outputs.read(self.outputs, stack)
        desired = Desired(stack, settings, {"web": wanted}, before)
        return ProxmoxTarget(stack, settings), desired, self.listed(settings)

    def listed(self, settings: ClusterSettings) -> Inventory:
        """The inventory as the program gets it from the provider."""
        asked = inspect_request("dev", settings)
        used = {vm.id for vm in self.inventory.vms}
        enough = asked.ids_needed(len(self.inventory.nodes))
        free = [vmid for vmid in asked.ids if vmid not in used][:enough]
        text = codec.text(Inventory, replace(self.inventory, free=free))
        return codec.parse(Inventory, text)

    def up(self, *given: Any, fail: bool = False, **more: Any) -> StackPlan:
        """Carry a plan out; one that fails makes everything, and removes and records nothing."""
        plan = self.plan(*given, **more)
        self.make(plan)
        if not fail:
            self.record(plan)
            self.clean(plan)
        return plan

    def make(self, plan: StackPlan) -> None:
        stack = plan.context.stack
        for name, made in plan.templates.templates.items():
            for template in made:
                assert template.vmid
                self._make(
                    template.vmid, template.node, vm_name(name), Marks(stack, release=name), True
                )
        for machine in [*plan.machines.active, *plan.machines.standby]:
            assert machine.vmid
            if machine in plan.machines.active and machine.vmid not in self.vms:
                source = self.vms[machine.template]
                assert source.template
                assert plan.templates.shared or source.node == machine.node
                if machine.clone == "linked":
                    users = [*self.inventory.clones.get(source.id, []), machine.vmid]
                    self.change(clones={**self.inventory.clones, source.id: users})
            self._make(machine.vmid, machine.node, machine.id, machine.marks, False)

    def _make(self, vmid: int, node: str, name: str, own: Marks, template: bool) -> None:
        if vmid in self.vms:
            assert self.vms[vmid].name == name, "somebody else's"
            return
        read_back = marks(vmid, tags(vmid, own))
        status = "stopped" if template else "running"
        self.set(Vm(vmid, node, name, status, template, memory=512, pool="iac", marks=read_back))

    def record(self, plan: StackPlan) -> None:
        """What the program leaves for the next run, through JSON."""
        records = [verified(made, made.name[-1], disk=512) for made in plan.releases.values()]
        kept = ledger.updated(plan.context.desired.ledger, records, list(plan.records), frozenset())
        servers = {
            name: outputs.ServerOutput(
                "proxmox",
                rollout.active.id,
                rollout.active.release.name,
                details=codec.plain(ServerDetails(rollout.active.vmid, rollout.active.node)),
            ).plain()
            for name, rollout in plan.machines.rollouts.items()
        }
        details = StackDetails(
            [node.name for node in plan.context.inventory.nodes],
            {name: list(each) for name, each in plan.templates.templates.items()},
            plan.leaving,
            access=access(plan.context.settings),
        )
        self.outputs = json.loads(
            json.dumps(
                {
                    "flakeship": outputs.header("proxmox"),
                    "running": {host: made.name for host, made in plan.releases.items()},
                    "releases": outputs.ledger(kept),
                    "servers": servers,
                    "machines": plain_machines(plan.machines.deployed),
                    "proxmox": codec.plain(details),
                }
            )
        )

    def clean(self, plan: StackPlan) -> None:
        """Remove of the stack's own what is not declared any more, as Pulumi does at the end."""
        staying = {m.vmid for m in (*plan.machines.active, *plan.machines.standby)}
        staying |= {t.vmid for made in plan.templates.templates.values() for t in made}
        held = {machine.vmid for machine in plan.context.all_deployed}
        held |= {t.vmid for made in plan.context.templates.values() for t in made}
        gone = held - staying
        for vmid in gone:
            users = {*self.inventory.clones.get(vmid, [])} - gone
            assert not users, f"{vmid} has linked clones: {users}"
        self.remove(*gone)


def records(world: World) -> Sequence[Record]:
    """The ledger of the stack."""
    return outputs.read(world.outputs, "dev").ledger
