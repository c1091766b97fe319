"""Blue/green: a new release boots beside the active machine, which may then stay as a standby."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.machine import PlannedMachine

M = TypeVar("M", bound=PlannedMachine)


@dataclass(frozen=True)
class Observed:
    """What the inventory has under a machine's id; by default nothing.

    Names need not be unique: `exists` tells of a usable machine, `failed` of one that could not be
    made. `status` and `remedy` are for a person, about one that exists and is not `running`;
    `repair` is what a run does by itself about one that is active, empty: nothing.
    """

    exists: bool = False
    failed: bool = False
    running: bool = False
    status: str = ""
    remedy: str = ""
    repair: str = ""

    @property
    def present(self) -> bool:
        """Whether there is anything at all: a run deletes it, usable or not."""
        return self.exists or self.failed or bool(self.status)


ABSENT = Observed()


@dataclass(frozen=True)
class ServerRollout(Generic[M]):
    """The machines of one server after a run; all others of the last one go after the cutover."""

    active: M
    standby: tuple[M, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def machines(self) -> list[M]:
        """Those that stay, the active one first: `deployed` of the next run."""
        return [self.active, *self.standby]


@dataclass(frozen=True)
class ServerRollouts(Generic[M]):
    """The rollout of each server, by its name."""

    rollouts: Mapping[str, ServerRollout[M]]

    @property
    def active(self) -> list[M]:
        """The active machine of each server."""
        return [rollout.active for rollout in self.rollouts.values()]

    @property
    def standby(self) -> list[M]:
        """The older machines that stay running."""
        return [machine for rollout in self.rollouts.values() for machine in rollout.standby]

    @property
    def deployed(self) -> Mapping[str, Sequence[M]]:
        """The machines by server, the active one first, for the next run."""
        return {name: rollout.machines for name, rollout in self.rollouts.items()}

    @property
    def notices(self) -> list[str]:
        """What a preview should mention, server by server."""
        return [notice for rollout in self.rollouts.values() for notice in rollout.notices]

    def running(self, exists: Callable[[M], bool]) -> set[str]:
        """The names of the releases that have machines, all of which exist: none is to be made."""
        machines = [*self.active, *self.standby]
        names = {machine.release.name for machine in machines}
        return names - {machine.release.name for machine in machines if not exists(machine)}


def plan_server(
    desired: M,
    deployed: Sequence[M],
    observed: Mapping[str, Observed],
    *,
    standby_releases: int,
    available: Collection[str],
) -> ServerRollout[M]:
    """Plan the machines of one server.

    `desired` is the machine that it is to have, of the first incarnation; `deployed` are those of
    the last good run, the active one first; `observed` is the inventory by id. Up to
    `standby_releases` older ones stay, if their release is `available`: where another server has
    failed, a machine may run whose release is in no ledger. Raises FlakeshipError (machine-stopped)
    where the machine to go back to does not run.
    """
    active, lost = _reuse(desired, deployed, observed)
    candidates = [
        machine
        for machine in deployed
        if machine.id != active.id
        and observed.get(machine.id, ABSENT).exists
        and machine.release.name in available
    ][:standby_releases]
    standby = tuple(machine for machine in candidates if machine.location == active.location)
    name = active.server.name
    return ServerRollout(
        active,
        standby,
        (
            *(f"{name}: {each} is {_loss(observed.get(each, ABSENT))}" for each in lost),
            *_active_notices(active, deployed, observed.get(active.id, ABSENT)),
            *(
                f"{name}: {machine.id} is no standby, because the network changes: going back to "
                f"{machine.release.name} will boot a new machine"
                for machine in candidates
                if machine not in standby
            ),
        ),
    )


def _reuse(
    desired: M, deployed: Sequence[M], observed: Mapping[str, Observed]
) -> tuple[M, list[str]]:
    """The desired machine, as it is deployed where it is, and the ids of its lost incarnations."""
    same = {machine.id: machine for machine in deployed if machine.key == desired.key}
    latest = max((machine.incarnation for machine in same.values()), default=desired.incarnation)
    machine, lost = replace(desired, incarnation=latest), []
    while (seen := observed.get(machine.id, ABSENT)).failed or (
        machine.id in same and not seen.exists
    ):
        lost.append(machine.id)
        machine = replace(machine, incarnation=machine.incarnation + 1)
    return machine.adopt(same[machine.id]) if machine.id in same else machine, lost


def _loss(seen: Observed) -> str:
    """Why a machine counts as lost. Of several of one name it is not known which one failed."""
    if seen.failed and seen.exists:
        return "failed"
    return seen.status or ("failed" if seen.failed else "gone")


def _active_notices(active: M, deployed: Sequence[M], seen: Observed) -> list[str]:
    """That a deployed machine does not run.

    One that is to become active again is refused instead: it was verified before, so the address
    would move there without another check.
    """
    name = active.server.name
    if active.id not in {machine.id for machine in deployed} or seen.running:
        return []
    what = f"{active.id} is {seen.status}"
    if active.id != deployed[0].id:
        raise FlakeshipError(
            f"{what}, and gets no address before it runs",
            code="machine-stopped",
            key=name,
            remedy=seen.remedy,
        )
    return [str(FlakeshipError(what, key=name, remedy=seen.repair or seen.remedy))]
