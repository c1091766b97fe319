"""Lives of a stack in any order: runs, failed and killed ones, and what people do to its cluster.

A state of resources is kept as Pulumi does: what is declared is made under its id or stays, and
what is not declared any more is deleted by the id that the state has, whoever has that by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.context import vm_name
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.plan import StackPlan
from flakeship.targets.proxmox.resources import Marks, marks, tags
from tests.targets.proxmox.unit.schema import server
from tests.targets.proxmox.unit.world import World, inventory

ADDRESSES = [f"192.0.2.{number}/24" for number in range(10, 30)]
NODES = ("a", "b", "c")
THEIRS = "theirs"
EXPECTED = {"addresses-too-few", "node-offline", "machine-stopped", "id-taken"}

Declared = dict[str, tuple[int, str, str, Marks]]
"""Id, node, name and marks of each resource by its own name."""


class Life:
    """One stack on three nodes."""

    def __init__(self) -> None:
        self.world = World(inventory(*NODES))
        self.state: dict[str, int] = {}
        self.number = 1
        self.servers: list[dict[str, Any]] = [server("web", addresses=ADDRESSES), {"name": "db"}]

    # what the engine does

    def plan(self) -> StackPlan | None:
        try:
            return self.world.plan(self.number, self.servers)
        except FlakeshipError as error:
            if error.code not in EXPECTED:
                raise
            return None

    def declared(self, plan: StackPlan) -> Declared:
        found: Declared = {}
        for name, made in plan.templates.templates.items():
            for template in made:
                subject = f"template-{plan.templates.subject(name, template)}"
                own = Marks("dev", release=name)
                found[subject] = (template.vmid, template.node, vm_name(name), own)
        for machine in [*plan.machines.active, *plan.machines.standby]:
            found[machine.id] = (machine.vmid, machine.node, machine.id, machine.marks)
        assert len({vmid for vmid, *_ in found.values()}) == len(found), "an id twice"
        return found

    def make(self, declared: Declared, *, recorded: bool = True) -> None:
        online = {node.name for node in self.world.inventory.online}
        for name, (vmid, node, title, own) in declared.items():
            if name in self.state:
                assert self.state[name] == vmid, f"{name} would be replaced"
                continue
            assert vmid not in self.world.vms, f"{name}: {vmid} exists"
            assert node in online, f"{name}: {node} is offline"
            template = not own.machine
            status = "stopped" if template else "running"
            made = Vm(vmid, node, title, status, template, marks=marks(vmid, tags(vmid, own)))
            self.world.set(made)
            if recorded:
                self.state[name] = vmid

    def sweep(self) -> None:
        """Remove what killed runs have left, as `flakeship sweep` does."""
        held = {*self.state.values()}
        left = [vm.id for vm in self.world.vms.values() if vm.marks.stack and vm.id not in held]
        self.world.remove(*left)

    def delete(self, declared: Declared) -> None:
        for name in [*self.state]:
            if name not in declared:
                vm = self.world.vms.get(self.state[name])
                assert vm is None or vm.name != THEIRS, f"{vm} would be deleted"
                if vm and self.world.inventory.node(vm.node) in self.world.inventory.online:
                    self.world.remove(vm.id)
                    vm = None
                if vm is None:
                    del self.state[name]

    # what the user does

    def up(self, _: Random) -> None:
        self.sweep()
        plan = self.plan()
        if plan is None:
            return
        declared = self.declared(plan)
        self.make(declared)
        self.world.record(plan)
        self.delete(declared)
        again = self.plan()
        assert again is not None
        assert self.declared(again) == declared, "another plan"
        assert again.summary.planned == "", again.summary.planned

    def up_that_fails(self, _: Random) -> None:
        self.sweep()
        if plan := self.plan():
            self.make(self.declared(plan))

    def up_that_is_killed(self, random: Random) -> None:
        self.sweep()
        if plan := self.plan():
            declared, part = self.declared(plan), random.randrange(4)
            done, under_way = [*declared][:part], [*declared][part : part + 1]
            self.make({name: declared[name] for name in done})
            self.make({name: declared[name] for name in under_way}, recorded=False)

    def another_release(self, random: Random) -> None:
        self.number = random.randint(1, 6)

    def other_servers(self, random: Random) -> None:
        first = server("web", addresses=ADDRESSES)
        first |= {"memory": random.choice(["512M", "1G"]), "count": random.randint(1, 2)}
        last = server("db", node=random.choice(["", *NODES]))
        self.servers = random.choice([[first, last], [last], [first]])

    # what others do

    def somebody_changes_one(self, random: Random) -> None:
        ours = [vm for vm in self.world.vms.values() if vm.name != THEIRS]
        if not ours:
            return
        vm = random.choice(ours)
        match random.choice(["remove", "replace", "move", "stop", "start", "untag"]):
            # what only a failed run has made is missed by a refresh alone
            case "remove" if vm.id in self.recorded():
                self.world.remove(vm.id)
            case "replace" if vm.id in self.recorded():
                self.world.remove(vm.id)
                self.world.set(Vm(vm.id, "a", THEIRS, "running"))
            case "move":
                self.world.set(replace(vm, node=random.choice(NODES)))
            case "stop":
                self.world.set(replace(vm, status="stopped"))
            case "start" if not vm.template:
                self.world.set(replace(vm, status="running"))
            case "untag" if vm.id in self.recorded():
                self.world.set(replace(vm, marks=Marks()))

    def recorded(self) -> Iterable[int]:
        """The ids that the outputs have: what only a failed run has made is not among them."""
        details = self.world.outputs.get("proxmox", {})
        machines = self.world.outputs.get("machines", {}), details.get("templates", {})
        listed = [each["vmid"] for part in machines for found in part.values() for each in found]
        return {*listed, *(each["vmid"] for each in details.get("leaving", []))}

    def somebody_takes_an_id(self, random: Random) -> None:
        vmid = random.randint(9000, 9012)
        known = vmid in self.recorded() or vmid not in self.state.values()
        if vmid not in self.world.vms and known:
            self.world.set(Vm(vmid, "a", THEIRS, "running"))

    def somebody_gives_ids_back(self, _: Random) -> None:
        self.world.remove(*(vm.id for vm in self.world.vms.values() if vm.name == THEIRS))

    def one_node_is_down(self, random: Random) -> None:
        name = random.choice(["", *NODES])
        changed = [replace(n, online=n.name != name) for n in self.world.inventory.nodes]
        self.world.change(nodes=changed)

    def step(self, name: str, seed: int) -> None:
        """One event; everything about it follows from the seed."""
        getattr(self, name)(Random(seed))
        given = [vm.marks.address for vm in self.world.vms.values() if vm.marks.address]
        assert len(given) == len({*given}), "an address on two"


EVENTS = {
    "up": 6,
    "up_that_fails": 2,
    "up_that_is_killed": 2,
    "another_release": 4,
    "other_servers": 3,
    "somebody_changes_one": 3,
    "somebody_takes_an_id": 1,
    "somebody_gives_ids_back": 1,
    "one_node_is_down": 2,
}
"""What happens, and how often."""


def events(seed: int, length: int) -> list[tuple[str, int]]:
    random = Random(seed)
    names = random.choices([*EVENTS], [*EVENTS.values()], k=length)
    return [(name, random.randrange(10**6)) for name in names]


@pytest.mark.parametrize("seed", range(12))
def test_a_life_converges_and_touches_nobody_else(seed: int) -> None:
    life = Life()
    theirs = Vm(500, "a", THEIRS, "running")
    life.world.set(theirs)
    for name, each in events(seed, 30):
        life.step(name, each)
    life.somebody_gives_ids_back(Random(0))
    life.one_node_is_down(Random(1))
    life.world.change(nodes=[replace(n, online=True) for n in life.world.inventory.nodes])
    for vm in life.world.vms.values():
        if not vm.template:
            life.world.set(replace(vm, status="running"))
    life.world.set(theirs)
    life.step("up", 0)
    life.step("up", 0)
    assert life.world.vms[500] == theirs
    assert {*life.state.values()} | {500} == {*life.world.vms}
