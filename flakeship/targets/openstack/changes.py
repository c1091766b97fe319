"""What a run does to the servers of a stack and to its quota, for the summary."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

from flakeship.model.ports import Port
from flakeship.rollout.changes import (
    NO_LONGER_SET,
    ServerChange,
    Thing,
    Use,
    of_removed,
    of_rollout,
    size,
)
from flakeship.rollout.replace import ABSENT
from flakeship.rollout.story import listed
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
    leaving = [
        removed(name, _existing(context, name), before.get(name), NO_LONGER_SET)
        for name in sorted(names)
    ]
    return Summary([*servers, *leaving], _quota(context, machines, needed))


def _temporary(machine: Machine) -> ServerChange:
    return ServerChange(
        machine.server.name,
        machine.id,
        release=machine.release.name,
        size=_size(machine),
        temporary=True,
    )


def removed(
    name: str, machines: Sequence[str], output: ServerOutput | None, reason: str = ""
) -> ServerChange:
    """What happens to a server that is removed, which is for a `reason` unless all are."""
    own = output is not None and server_details(output).released
    released = [_address(output.address)] if output and own else []
    return of_removed(name, machines, released, reason)


def _existing(context: PlanningContext, name: str) -> list[str]:
    """The machines of a server that the cloud has, usable or not."""
    return [m.id for m in context.deployed.get(name, []) if context.present(m)]


def _server(context: PlanningContext, machines: MachinesPlan, name: str) -> ServerChange:
    rollout, deployed = machines.rollouts[name], context.deployed.get(name, [])
    change = of_rollout(rollout, deployed, context.observed, context.desired.ledger)
    active, former = rollout.active, next(iter(deployed), None)
    output = context.desired.outputs.servers.get(name)
    runs = former is not None and context.observed.get(former.id, ABSENT).running
    takes, gets = _addresses(active, output, moves=runs)
    verified = next((m.verification for m in deployed if m.id == active.id), None)
    other_disk = former is None or (active.flavor, active.disk) != (former.flavor, former.disk)
    stays = former is not None and active.id == former.id
    again = change.origin == "verified" and verified != active.verification
    return replace(
        change,
        origin="changed" if again else change.origin,
        reasons=(*_reasons(active, former),) if former else (),
        size=_size(active) if other_disk and change.origin == "new" else "",
        takes=takes,
        gets=gets,
        in_place=(*_in_place(active, former, gets),) if former and stays else (),
        released=(*_released(active, output),),
    )


def _size(machine: Machine) -> str:
    flavor = machine.flavor
    return f"{flavor.name}: {size(flavor.vcpus, flavor.memory, machine.disk)}"


def _address(address: str, effect: str = "") -> Thing:
    return Thing(f"the floating IP {address}{effect}", f"their floating IPs{effect}")


def _released(active: Machine, output: ServerOutput | None) -> list[Thing]:
    """The floating IP of the stack's own that a server is not to have any more."""
    own = output is not None and server_details(output).released
    given = active.server.options.address
    return [_address(output.address)] if output and own and given != "floating" else []


def _addresses(
    active: Machine, output: ServerOutput | None, *, moves: bool
) -> tuple[tuple[Thing, ...], tuple[Thing, ...]]:
    """The address that a server keeps, which `moves` from a running machine, and a new one."""
    given = active.server.options.address
    details = server_details(output) if output else None
    if given == "none":
        return (), ()
    if output and details and not details.fixed:
        own = given == "floating" and details.released
        if own or given == output.address:
            return (_address(output.address, ", cutting open connections" if moves else ""),), ()
    who = f" ({_open(active)})"
    if given != "floating":
        return (), (_address(given, who),)
    return (), (Thing(f"a new floating IP{who}", f"new floating IPs{who}"),)


def _reasons(active: Machine, former: Machine) -> Iterator[str]:
    """Why it is another machine, beside its release."""
    now, then = active.server.options, former.server.options
    if active.flavor.name != former.flavor.name:
        yield f"flavor {former.flavor.name} -> {active.flavor.name}"
    if active.location != former.location:
        yield "another network"
    if active.placement != former.placement:
        yield "another placement"
    before, after = _labels(former.server.declared), _labels(active.server.declared)
    if _open(active) != _open(former):
        yield _open(active)
    elif before != after:
        yield "other ports"
    if former.server.options.address != "none" and active.server.options.address == "none":
        yield "no floating IP any more"
    if now.user_data != then.user_data:
        yield "other user data"
    if now.keypair != then.keypair:
        yield "another key pair"
    if now.volume != then.volume:
        yield "root disk on a volume" if now.volume else "root disk of the flavor"
    elif active.disk != former.disk and now.volume:
        yield f"volume {former.disk} -> {active.disk} MiB"


def _labels(ports: Iterable[Port]) -> list[str]:
    return [port.label for port in sorted(ports, key=lambda port: (port.port, port.label))]


def _open(machine: Machine) -> str:
    """Who may reach a server: `open ports: 22 from 198.51.100.0/24 and 80, 443 from anywhere`."""
    if not machine.port_security:
        return "open ports: all, because its network has no port security"
    by_source: dict[str, list[Port]] = defaultdict(list)
    for port in machine.server.declared:
        if port.numbers:  # what a process listens on is closed
            by_source[", ".join(port.allow_from) or "anywhere"].append(port)
    parts = [f"{', '.join(_labels(some))} from {source}" for source, some in by_source.items()]
    return f"open ports: {listed(parts)}"


def _in_place(active: Machine, former: Machine, gets: Sequence[Thing]) -> Iterator[str]:
    """What changes without another machine."""
    yield from (thing.one for thing in gets)
    if former.server.options.address != "none" and active.server.options.address == "none":
        yield "no floating IP any more"
    if _open(active) != _open(former):
        yield _open(active)
    if active.metadata != former.metadata:
        yield "other metadata"
    if active.verification != former.verification:
        yield "verified again"


def _quota(
    context: PlanningContext, machines: MachinesPlan, needed: Mapping[str, int]
) -> list[Use]:
    """What the stack uses before, with what is `needed` beside that, and after."""
    stack, inventory = context.stack, context.inventory
    standing = [m for each in context.deployed.values() for m in each if context.present(m)]
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
