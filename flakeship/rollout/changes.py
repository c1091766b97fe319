"""What a run does to a server, as values: a target's plan makes them, the summary tells them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from flakeship.model.machine import MachineId
from flakeship.model.release import Record, Release
from flakeship.rollout.machine import PlannedMachine
from flakeship.rollout.replace import ABSENT, Observed, ServerRollout

M = TypeVar("M", bound=PlannedMachine)
Origin = Literal["new", "verified", "changed", "unverified"]

NO_LONGER_SET = "no longer in the settings"


@dataclass(frozen=True)
class Thing:
    """What belongs to a server, not to a machine: `the floating IP 203.0.113.7`.

    `many` is the same of several servers: `their floating IPs`.
    """

    one: str
    many: str


@dataclass(frozen=True)
class ServerChange:
    """What a run does to one server; machines are ids.

    `before` was active after the last good run, `machine` is to be; either may be empty. `origin`
    is of a machine that becomes active: made by this run, verified by an earlier one, to be
    verified once more because its checks have `changed`, or left unverified by an earlier run.
    `release` is empty where it stays the same. `reasons` are for another machine of the same
    release or for none, `size` is that of a new one where it is worth a word. The machine `takes`
    what the server has had, and `gets` what is new. `address` is its own where the settings give
    one. `standby` machines keep running, `stopped` ones stay as they are, those that are `gone` are
    removed with their root disks, and those that earlier runs have `left` too. `in_place` is what
    changes on a machine that stays, `released` what is given back, `destroyed` what is deleted with
    the data on it.
    """

    server: str
    machine: str = ""
    before: str = ""
    origin: Origin = "new"
    lost: bool = False
    temporary: bool = False
    release: str = ""
    rollback: bool = False
    reasons: tuple[str, ...] = ()
    size: str = ""
    address: str = ""
    takes: tuple[Thing, ...] = ()
    gets: tuple[Thing, ...] = ()
    standby: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    in_place: tuple[str, ...] = ()
    released: tuple[Thing, ...] = ()
    destroyed: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to tell."""
        other = self.machine != self.before or self.temporary
        goes = self.gone or self.left or self.released or self.destroyed
        return other or bool(goes or self.in_place)


@dataclass(frozen=True)
class Use:
    """What a stack uses of one part of its quota, such as `memory` in `MiB`."""

    name: str
    before: int
    during: int
    after: int
    unit: str = ""


def size(vcpus: int, memory: int, disk: int) -> str:
    """The size of a machine, for people; memory and root disk in MiB."""
    processors = f"{vcpus} vCPU{'' if vcpus == 1 else 's'}"
    return f"{processors}, {memory} MiB of memory, {disk} MiB of root disk"


def release_change(before: str, after: Release, ledger: Sequence[Record]) -> tuple[str, bool]:
    """The words for a change of the release, empty for none, and whether it is a rollback.

    `before` is the name of the release that runs, empty: none does. A rollback goes to a release
    that was verified before that one.
    """
    if before == after.name:
        return "", False
    names = [record.name for record in ledger]
    known = before in names and after.name in names
    rollback = known and names.index(after.name) > names.index(before)
    return f"{before} -> {after.name}" if before else after.name, rollback


def of_rollout(
    rollout: ServerRollout[M],
    deployed: Sequence[M],
    observed: Mapping[str, Observed],
    ledger: Sequence[Record],
) -> ServerChange:
    """What blue/green does to a server, without what the target alone can tell.

    The arguments are as for plan_server.
    """
    active, former = rollout.active, next(iter(deployed), None)

    def seen(machine: M) -> Observed:
        return observed.get(machine.id, ABSENT)

    origin: Origin = "unverified" if seen(active).exists else "new"
    if active.id in _ids(deployed):
        origin = "verified"
    release, rollback = release_change(
        former.release.name if former else "", active.release, ledger
    )
    staying = _ids(rollout.machines)
    return ServerChange(
        server=active.server.name,
        machine=active.id,
        before=former.id if former else "",
        origin=origin,
        lost=former is not None and not seen(former).exists,
        release=release,
        rollback=rollback,
        standby=tuple(each.id for each in rollout.standby if seen(each).running),
        stopped=tuple(each.id for each in rollout.standby if not seen(each).running),
        gone=tuple(each.id for each in deployed if each.id not in staying and seen(each).present),
        left=left_machines(active.server.name, observed, {*staying, *_ids(deployed)}),
    )


def left_machines(
    server: str, observed: Mapping[str, Observed], others: Collection[str]
) -> tuple[str, ...]:
    """The machines of a server beside `others`, which no plan has any more: they go with a run.

    Runs that have failed made them, or could not remove them.
    """
    return tuple(
        name
        for name in sorted({*observed} - {*others})
        if MachineId.parse(name).server == server and observed[name].present
    )


def removed_machines(machines: Iterable[str], servers: Iterable[str]) -> dict[str, list[str]]:
    """The machines of each server, where some `servers` may have none: by the machines' ids."""
    found: dict[str, list[str]] = {name: [] for name in servers}
    for machine in machines:
        found.setdefault(MachineId.parse(machine).server, []).append(machine)
    return found


def of_removed(
    server: str,
    machines: Sequence[str],
    released: Collection[Thing],
    reason: str = "",
    left: Sequence[str] = (),
) -> ServerChange:
    """What happens to a server that is removed, which is for a `reason` unless all are."""
    return ServerChange(
        server,
        reasons=(reason,) if reason else (),
        gone=(*machines,),
        left=(*left,),
        released=(*released,),
    )


def _ids(machines: Sequence[PlannedMachine]) -> list[str]:
    return [machine.id for machine in machines]
