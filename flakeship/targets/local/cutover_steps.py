"""The steps of a cutover, computed from what each machine has and what the server is to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flakeship.targets.local.machine_state import MachineState
from flakeship.targets.local.resources import CutoverRequest
from flakeship.targets.local.ssh_config import SshHost

MANY = 1000  # snapshots of a disk: none is deleted for one that a user restores


@dataclass(frozen=True)
class AttachDisk:
    """Attach a data disk to a running machine and mount it; nothing changes where it has it.

    A new disk is an empty directory with this owner and mode.
    """

    machine: str
    disk: str
    file: Path
    owner: str = "root"
    mode: str = "0755"


@dataclass(frozen=True)
class DetachDisk:
    """Unmount a data disk and detach it; nothing changes where the machine does not have it."""

    machine: str
    disk: str


@dataclass(frozen=True)
class TakeSnapshot:
    """Take a snapshot of a disk that no machine has; of older ones the newest `keep` stay."""

    file: Path
    name: str
    keep: int


@dataclass(frozen=True)
class RestoreSnapshot:
    """Give a disk that no machine has the content of a snapshot, if it is there.

    The snapshot is deleted then, unless it is to be kept.
    """

    file: Path
    name: str
    keep: bool = False


@dataclass(frozen=True)
class Forward:
    """Forward a host port to a machine's guest port, or to none, whatever it was forwarded to."""

    machine: str
    host_port: int
    guest_port: int | None


@dataclass(frozen=True)
class SetSshHost:
    """Write a server's entry in ssh_config; None: remove it."""

    server: str
    host: SshHost | None


@dataclass(frozen=True)
class SetActive:
    """Record a server's active machine, or that there is none."""

    server: str
    machine: str


@dataclass(frozen=True)
class CheckDataDisks:
    """Run the checks that need the data disks on the new machine."""


@dataclass(frozen=True)
class SetGeneration:
    """Record the number of the cutover: everything is as it is to be."""

    server: str
    number: int


Action = (
    AttachDisk
    | DetachDisk
    | TakeSnapshot
    | RestoreSnapshot
    | Forward
    | SetSshHost
    | SetActive
    | CheckDataDisks
    | SetGeneration
)


@dataclass(frozen=True)
class Step:
    """An action, and what takes it back.

    Undoing has to work after a `do` that failed half-way, and again where it was done before.
    """

    do: Action
    undo: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Situation:
    """The server's machines and records before a cutover.

    `old` is the other machine that was active and runs, `former` the active one's id in any case.
    `lenders` are machines of other servers that still forward a port of this one, by host port.
    """

    new: MachineState
    old: MachineState | None
    former: str
    host: SshHost | None
    lenders: Mapping[int, tuple[str, int]]


def steps(request: CutoverRequest, found: Situation) -> list[Step]:
    """Data disks, then ports, then the name: in this order the new machine is complete first."""
    server, machine = request.server, request.machine
    return [
        *_disks(request, found),
        *_ports(request, found),
        Step(SetSshHost(server, request.host), (SetSshHost(server, found.host),)),
        Step(SetActive(server, machine), (SetActive(server, found.former),)),
        Step(CheckDataDisks()),
        Step(SetGeneration(server, request.generation)),
    ]


def restoring(request: CutoverRequest, disk: str, snapshot: str, saved: str) -> list[Step]:
    """The steps that restore a snapshot of an active machine's data disk.

    The disk's content until then becomes the snapshot `saved`, and is back where a check fails.
    """
    machine, file = request.machine, request.files.data_disk(request.server, disk)
    wanted = request.data_disks[disk]  # a snapshot may be of a disk that was still blank
    attach = AttachDisk(machine, disk, file, wanted.owner, wanted.mode)
    detach = DetachDisk(machine, disk)
    return [
        Step(detach, (attach,)),
        Step(TakeSnapshot(file, saved, keep=MANY)),
        Step(RestoreSnapshot(file, snapshot, keep=True), (RestoreSnapshot(file, saved),)),
        Step(attach, (detach,)),
        Step(CheckDataDisks()),
    ]


def _disks(request: CutoverRequest, found: Situation) -> Iterator[Step]:
    new, old = request.machine, found.former
    new_has, old_has = found.new.disks, found.old.disks if found.old else {}
    for disk in sorted(new_has.keys() - request.data_disks.keys()):
        yield Step(DetachDisk(new, disk), (AttachDisk(new, disk, new_has[disk]),))
    for disk, wanted in sorted(request.data_disks.items()):
        file = request.files.data_disk(request.server, disk)
        attach = AttachDisk(new, disk, file, wanted.owner, wanted.mode)
        detach, back = DetachDisk(new, disk), AttachDisk(old, disk, file)
        # What the new machine writes goes with it: the former one may not read newer data. Only
        # the disk's attachment is undone by it: before, one of the same name may be older.
        restore = RestoreSnapshot(file, new)
        if found.old and disk in new_has and disk not in old_has:
            # a killed cutover moved it already
            yield Step(attach, (detach, restore, back))
        elif disk in new_has:
            # attached already: the active machine, which mounts it and grows its file system
            yield Step(attach)
        else:
            if disk in old_has:
                yield Step(DetachDisk(old, disk), (back,))
            yield Step(TakeSnapshot(file, new, wanted.keep_snapshots))
            yield Step(attach, (detach, restore))


def _ports(request: CutoverRequest, found: Situation) -> Iterator[Step]:
    new, old = request.machine, found.former
    new_has, old_has = found.new.forwards, found.old.forwards if found.old else {}
    for port in sorted(new_has.keys() | old_has.keys() | request.forwards.keys()):
        if port in old_has:
            yield Step(Forward(old, port, None), (Forward(old, port, old_has[port]),))
        if port in found.lenders:
            lender, lent = found.lenders[port]
            yield Step(Forward(lender, port, None), (Forward(lender, port, lent),))
        had, wanted = new_has.get(port), request.forwards.get(port)
        if had and found.old:
            # a killed cutover moved it already
            undo = Forward(new, port, None), Forward(old, port, had)
            yield Step(Forward(new, port, wanted), undo)
        elif had != wanted:
            yield Step(Forward(new, port, wanted), (Forward(new, port, had),))
