"""What a run does to the servers of a stack and to its quota, for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from flakeship.model.ports import Port
from flakeship.rollout.changes import ServerChange, Thing, Use, of_removed, of_rollout, size
from flakeship.rollout.summary import Summary
from flakeship.state.outputs import ServerOutput
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.listed import GIGABYTE
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.outputs import server_details
from flakeship.targets.openstack.plan_machines import MachinesPlan

WORDS = {
    "instances": ("servers", ""),
    "cores": ("vCPUs", ""),
    "ram": ("memory", "MiB"),
    "volumes": ("volumes", ""),
    "gigabytes": ("volume storage", "GiB"),
    "floatingips": ("floating IPs", ""),
}
"""What is told of the quota, with its unit, by the names of Inventory.left."""


def summarize(
    context: PlanningContext,
    machines: MachinesPlan,
    new: Sequence[Machine],
    needed: Mapping[str, int],
) -> Summary:
    """The servers and the quota; the `new` machines need `needed` of it."""
    if context.ephemeral:
        return Summary([_temporary(machine) for machine in new], _uses({}, needed, {}))
    before = context.desired.outputs.servers
    servers = [_server(context, machines, name) for name in machines.rollouts]
    names = {*before, *context.deployed} - machines.rollouts.keys()
    removed = [_removed(context, name, before.get(name)) for name in sorted(names)]
    return Summary([*servers, *removed], _quota(context, machines, needed))


def _temporary(machine: Machine) -> ServerChange:
    return ServerChange(
        machine.server.name,
        machine.id,
        release=machine.release.name,
        size=_size(machine),
        temporary=True,
    )


def _removed(context: PlanningContext, name: str, output: ServerOutput | None) -> ServerChange:
    deployed = [m for m in context.deployed.get(name, []) if context.exists(m)]
    own = output is not None and server_details(output).released
    return of_removed(name, deployed, [_address(output.address)] if output and own else [])


def _server(context: PlanningContext, machines: MachinesPlan, name: str) -> ServerChange:
    rollout, deployed = machines.rollouts[name], context.deployed.get(name, [])
    change = of_rollout(rollout, deployed, context.observed, context.desired.ledger)
    active, former = rollout.active, next(iter(deployed), None)
    takes, gets = _addresses(active, context.desired.outputs.servers.get(name))
    other_disk = former is None or (active.flavor, active.disk) != (former.flavor, former.disk)
    stays = former is not None and active.id == former.id
    return replace(
        change,
        reasons=(*_reasons(active, former),) if former else (),
        size=_size(active) if other_disk and change.origin == "new" else "",
        takes=takes,
        gets=gets,
        in_place=(*_in_place(active, former, gets),) if former and stays else (),
    )


def _size(machine: Machine) -> str:
    flavor = machine.flavor
    return f"{flavor.name}: {size(flavor.vcpus, flavor.memory, machine.disk)}"


def _address(address: str) -> Thing:
    return Thing(f"the floating IP {address}", "their floating IPs")


def _addresses(
    active: Machine, output: ServerOutput | None
) -> tuple[tuple[Thing, ...], tuple[Thing, ...]]:
    """The address that a server keeps, and the one that is new."""
    given = active.server.options.address
    details = server_details(output) if output else None
    if given == "none":
        return (), ()
    if output and details and not details.fixed:
        own = given == "floating" and details.released
        if own or given == output.address:
            return (_address(output.address),), ()
    if given != "floating":
        return (), (_address(given),)
    return (), (Thing("a new floating IP", "new floating IPs"),)


def _reasons(active: Machine, former: Machine) -> Iterator[str]:
    """Why it is another machine, beside its release."""
    now, then = active.server.options, former.server.options
    if active.flavor.name != former.flavor.name:
        yield f"flavor {former.flavor.name} -> {active.flavor.name}"
    if active.location != former.location:
        yield "another network"
    if active.placement != former.placement:
        yield "another placement"
    if _open(active.server.declared) != _open(former.server.declared):
        yield "other ports"
    if now.user_data != then.user_data:
        yield "other user data"
    if now.keypair != then.keypair:
        yield "another key pair"
    if now.volume != then.volume:
        yield "root disk on a volume" if now.volume else "root disk of the flavor"
    elif active.disk != former.disk and now.volume:
        yield f"volume {former.disk} -> {active.disk} MiB"


def _open(ports: Collection[Port]) -> set[str]:
    return {port.label for port in ports}


def _in_place(active: Machine, former: Machine, gets: Sequence[Thing]) -> Iterator[str]:
    """What changes without another machine."""
    yield from (thing.one for thing in gets)
    if former.server.options.address != "none" and active.server.options.address == "none":
        yield "no floating IP any more"
    if active.rules != former.rules:
        yield "other sources of its ports"
    if active.metadata != former.metadata:
        yield "other metadata"
    if active.verification != former.verification:
        yield "verified again"


def _quota(
    context: PlanningContext, machines: MachinesPlan, needed: Mapping[str, int]
) -> list[Use]:
    """What the stack uses before, with what is `needed` beside that, and after."""
    stack, inventory = context.stack, context.inventory
    standing = [m for each in context.deployed.values() for m in each if context.exists(m)]
    before, after = _use(standing), _use([*machines.active, *machines.standby])
    before["floatingips"] = sum(address.stack == stack for address in inventory.addresses)
    after["floatingips"] = sum(m.server.options.address == "floating" for m in machines.active)
    return _uses(before, before + Counter(needed), after)


def _uses(
    before: Mapping[str, int], during: Mapping[str, int], after: Mapping[str, int]
) -> list[Use]:
    return [
        Use(word, before.get(name, 0), during.get(name, 0), after.get(name, 0), unit)
        for name, (word, unit) in WORDS.items()
    ]


def _use(machines: Sequence[Machine]) -> Counter[str]:
    """What machines use, by the names of Inventory.left."""
    volumes = [ceil(m.disk / GIGABYTE) for m in machines if m.server.options.volume]
    return Counter(
        instances=len(machines),
        cores=sum(machine.flavor.vcpus for machine in machines),
        ram=sum(machine.flavor.memory for machine in machines),
        volumes=len(volumes),
        gigabytes=sum(volumes),
    )
