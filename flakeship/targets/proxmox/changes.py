"""What a run does to the servers of a stack, for the summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from flakeship.model.machine import MachineId
from flakeship.rollout.changes import (
    NO_LONGER_SET,
    ServerChange,
    Thing,
    left_machines,
    of_removed,
    of_rollout,
    size,
)
from flakeship.rollout.replace import ABSENT, Observed
from flakeship.rollout.summary import Summary
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.numbers import plain
from flakeship.targets.proxmox.plan_machines import MachinesPlan
from flakeship.targets.proxmox.requests import CutoverRequest


def summarize(context: PlanningContext, machines: MachinesPlan) -> Summary:
    """The servers of the settings, then those that are no longer there."""
    before, left = context.desired.outputs.servers, _reached(context)
    servers = [_server(context, machines, name) for name in machines.rollouts]
    known = {*before, *context.deployed, *(MachineId.parse(name).server for name in left)}
    removed = [
        of_removed(
            name,
            [m.id for m in deployed if context.observed.get(m.id, ABSENT).present],
            [*_stable(next(iter(deployed), None))],
            NO_LONGER_SET,
            left_machines(name, left, [machine.id for machine in deployed]),
        )
        for name in sorted(known - machines.rollouts.keys())
        for deployed in [context.deployed.get(name, [])]
    ]
    return Summary([*servers, *removed])


def _reached(context: PlanningContext) -> Mapping[str, Observed]:
    """What a run can remove: not what is on a node that is offline."""
    online = {node.name for node in context.inventory.online}
    return {
        name: seen
        for name, seen in context.observed.items()
        if context.machines[name].node in online
    }


def removed(name: str, machines: Sequence[str], cutover: CutoverRequest | None) -> ServerChange:
    """What a destroy does to a server, with what its `cutover` has made lead to it."""
    service = plain(cutover.service_address) if cutover else ""
    record = cutover.dns.name if cutover and cutover.dns else ""
    return of_removed(name, machines, _leading(service, record))


def _server(context: PlanningContext, machines: MachinesPlan, name: str) -> ServerChange:
    rollout, deployed = machines.rollouts[name], context.deployed.get(name, [])
    change = of_rollout(rollout, deployed, context.observed, context.desired.ledger)
    active, former = rollout.active, next(iter(deployed), None)
    stable, had = _stable(active), _stable(former)
    stays = former is not None and active.id == former.id
    new, reached = change.origin == "new", _reached(context)
    return replace(
        change,
        reasons=(*_reasons(active, former),) if former else (),
        size=_size(active) if new and (former is None or _differs(active, former)) else "",
        address=active.address if new else "",
        left=tuple(name for name in change.left if name in reached),
        takes=tuple(thing for thing in stable if thing in had),
        gets=tuple(thing for thing in stable if thing not in had),
        in_place=(*_in_place(active, former),) if former and stays else (),
        released=tuple(thing for thing in had if thing not in stable),
    )


def _size(machine: Machine) -> str:
    server = machine.server
    told = size(server.vcpus, server.memory, machine.disk)
    if machine.disk != server.disk:
        told += f" as {server.disk} MiB are rounded up to whole GiB"
    return f"{told}, on {machine.node}, network {machine.location}"


def _differs(active: Machine, former: Machine) -> bool:
    """Whether a new machine differs from the one before in what its size says."""

    def told(machine: Machine) -> object:
        server = machine.server
        return server.vcpus, server.memory, machine.disk, machine.node, machine.location

    return told(active) != told(former)


def _stable(machine: Machine | None) -> list[Thing]:
    """What leads to a server, whichever machine is active."""
    if machine is None:
        return []
    options = machine.server.options
    return _leading(plain(options.service_address), options.dns_name)


def _leading(address: str, name: str) -> list[Thing]:
    return [
        *([Thing(f"the address {address}", "their addresses")] if address else []),
        *([Thing(f"the name {name}", "their names")] if name else []),
    ]


def _reasons(active: Machine, former: Machine) -> Iterator[str]:
    """Why it is another machine, beside its release."""
    now, then = active.server, former.server
    if now.vcpus != then.vcpus:
        yield f"{then.vcpus} -> {now.vcpus} vCPUs"
    if now.memory != then.memory:
        yield f"memory {then.memory} -> {now.memory} MiB"
    if active.disk != former.disk:
        yield f"root disk {former.disk} -> {active.disk} MiB"
    if active.location != former.location:
        yield f"network {former.location} -> {active.location}"
    if active.cpu != former.cpu:
        yield f"CPU {former.cpu} -> {active.cpu}"
    if active.storage != former.storage:
        yield f"storage {former.storage} -> {active.storage}"
    if now.options.node != then.options.node and active.node != former.node:
        yield f"node {former.node} -> {active.node}"
    if active.addressing != former.addressing:
        yield "other addressing"
    if now.options.boot_order != then.options.boot_order:
        yield "another boot order"


def _in_place(active: Machine, former: Machine) -> Iterator[str]:
    """What changes without another machine."""
    now, then = active.server.options, former.server.options
    had = _stable(former)
    yield from (f"gets {thing.one}" for thing in _stable(active) if thing not in had)
    if now.start_on_boot != then.start_on_boot:
        yield "starts with its node" if now.start_on_boot else "does not start with its node"
    if (now.ha, now.ha_group) != (then.ha, then.ha_group):
        yield "other high availability"
    if active.verification != former.verification:
        yield "verified again"
