"""What a run does to the servers of a stack, for the summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from flakeship.config.server import DataDisk
from flakeship.model.machine import MachineId
from flakeship.release.desired import Desired
from flakeship.rollout.changes import (
    NO_LONGER_SET,
    ServerChange,
    Thing,
    of_removed,
    release_change,
    size,
)
from flakeship.state.outputs import ServerOutput
from flakeship.targets.local.inspect import LocalInventory
from flakeship.targets.local.machine_state import MachineState
from flakeship.targets.local.server_plan import ServerDetails, ServerPlan, machine_id


def find(
    desired: Desired,
    servers: Sequence[ServerPlan],
    before: Mapping[str, ServerDetails],
    inventory: LocalInventory,
) -> list[ServerChange]:
    """The servers of the settings, then those that are no longer there.

    `before` has the details of those of the last good run.
    """
    outputs = desired.outputs.servers
    planned = [
        _replaced(desired, each, outputs[each.name], before[each.name], inventory)
        if each.name in outputs
        else _first(each, inventory)
        for each in servers
    ]
    names = {each.name for each in servers}
    leaving = [
        removed(name, [output.machine], output, before[name].data_disks, NO_LONGER_SET)
        for name, output in outputs.items()
        if name not in names
    ]
    return [*planned, *leaving]


def _first(planned: ServerPlan, inventory: LocalInventory) -> ServerChange:
    disks = planned.server.data_disks
    exists = _exists(planned.id, inventory)
    return ServerChange(
        planned.name,
        planned.id,
        origin="unverified" if exists else "new",
        release=planned.release.name,
        size="" if exists else _size(planned),
        gets=(*_leading(planned, _ports([*planned.forwards]), _new_disks(disks, disks)),),
    )


def _replaced(
    desired: Desired,
    planned: ServerPlan,
    output: ServerOutput,
    before: ServerDetails,
    inventory: LocalInventory,
) -> ServerChange:
    release, rollback = release_change(output.release, planned.release, desired.ledger)
    disks, had = planned.server.data_disks, before.data_disks
    former = _forwards(output)
    kept = [port for port in planned.forwards if port in former]
    new = [port for port in planned.forwards if port not in former]
    moved = [disk for disk in disks if disk in had]
    stays = planned.id == output.machine
    lost = not _exists(output.machine, inventory)
    exists = _exists(planned.id, inventory)
    resized = _other_size(planned, output.machine)
    return ServerChange(
        planned.name,
        planned.id,
        output.machine,
        origin="unverified" if exists else "new",
        lost=lost,
        release=release,
        rollback=rollback,
        reasons=(*_reasons(planned, output.machine),) if not stays else (),
        size=_size(planned) if resized and not exists else "",
        takes=(*_leading(planned, _ports(kept), _disks(moved, rollback=rollback)),),
        gets=(*_ports(new), *_new_disks(disks, [d for d in disks if d not in had])),
        gone=() if stays or lost else (output.machine,),
        in_place=(*_in_place(planned, former, had, lost=lost),) if stays else (),
        destroyed=(*_destroyed(planned.name, {d: had[d] for d in had if d not in disks}),),
    )


def removed(
    name: str,
    machines: Sequence[str],
    output: ServerOutput | None,
    disks: Mapping[str, int],
    reason: str = "",
) -> ServerChange:
    """What happens to a server that is removed, which is for a `reason` unless all are.

    `disks` are its data disks with their sizes in MiB.
    """
    ports = _ports([*_forwards(output)]) if output else []
    change = of_removed(name, machines, ports, reason)
    return replace(change, destroyed=(*_destroyed(name, disks),))


def _exists(machine: str, inventory: LocalInventory) -> bool:
    return inventory.machines.get(machine, MachineState()).record is not None


def _size(planned: ServerPlan) -> str:
    server = planned.server
    return size(server.vcpus, server.memory, server.disk)


def _other_size(planned: ServerPlan, before: str) -> bool:
    """Whether the former machine had another size: its id has a hash of that."""
    shapes = {
        MachineId.parse(machine_id(planned.server, planned.release, access)).shape
        for access in (True, False)
    }
    return MachineId.parse(before).shape not in shapes


def _reasons(planned: ServerPlan, before: str) -> Iterator[str]:
    """Why it is another machine, beside its release."""
    if _other_size(planned, before):
        yield "another size"
    elif MachineId.parse(before).shape != MachineId.parse(planned.id).shape:
        yield f"workstationAccess {'off -> on' if planned.workstation_access else 'on -> off'}"


def _forwards(output: ServerOutput) -> dict[int, str]:
    """The guest's port by the host's, as the last good run left them."""
    found = {address.rpartition(":")[2]: guest for guest, address in output.ports.items()}
    return {int(host): guest for host, guest in found.items() if host.isdecimal()}


def _ports(numbers: Sequence[int]) -> list[Thing]:
    return [Thing(f"host port {number}", "their host ports") for number in numbers]


def _disks(names: Sequence[str], *, rollback: bool) -> list[Thing]:
    kept = " (not rolled back)" if rollback else ""
    return [Thing(f"the data disk {name}{kept}", "their data disks") for name in names]


def _new_disks(disks: Mapping[str, DataDisk], names: Iterable[str]) -> list[Thing]:
    return [Thing(_new_disk(name, disks[name].size), "new data disks") for name in names]


def _new_disk(name: str, size: int) -> str:
    return f"a new data disk {name} ({size} MiB)"


def _leading(planned: ServerPlan, ports: list[Thing], disks: list[Thing]) -> list[Thing]:
    """What leads to a server, at least its name in ssh_config, and its data disks."""
    name = Thing(f"the name {planned.name} in ssh_config", "their names in ssh_config")
    return [*(ports or [name]), *disks]


def _in_place(
    planned: ServerPlan, former: Mapping[int, str], disks: Mapping[str, int], *, lost: bool
) -> Iterator[str]:
    """What changes without another machine."""
    if lost:
        yield "its files are gone from .state, so it starts on a new root disk"
    forwards = {host: str(guest) for host, guest in planned.forwards.items()}
    if forwards != former:
        yield f"host ports {_pairs(former)} -> {_pairs(forwards)}"
    for name, disk in planned.server.data_disks.items():
        if name not in disks:
            yield _new_disk(name, disk.size)
        elif disk.size != disks[name]:
            yield f"data disk {name} {disks[name]} -> {disk.size} MiB"


def _pairs(forwards: Mapping[int, str]) -> str:
    """Host ports with those of the guest that they lead to: `8080 to 80`."""
    return ", ".join(f"{host} to {forwards[host]}" for host in sorted(forwards)) or "none"


def _destroyed(server: str, disks: Mapping[str, int]) -> list[str]:
    return [
        f"data disk {name} of {server} ({disks[name]} MiB, with its snapshots)"
        for name in sorted(disks)
    ]
