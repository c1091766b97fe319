"""Blue/green: a new release boots beside the active machine, which may then stay as a standby."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from flakeship.model.errors import FlakeshipError


class Machine(Protocol):
    """A machine as a rollout sees it: a frozen value, whether or not such a machine exists."""

    @property
    def id(self) -> str:
        """Its name, unique in the stack; another incarnation has another one."""

    @property
    def key(self) -> Hashable:
        """Server, release and shape: all that makes it this machine but `incarnation`."""

    @property
    def incarnation(self) -> int:
        """1, and one more for each machine of the same key that was lost."""

    @property
    def server_name(self) -> str:
        """The server that it is a machine of."""

    @property
    def release_name(self) -> str:
        """The release that it boots."""

    @property
    def location(self) -> str:
        """The network, pool or host that it cannot be moved from."""

    def with_incarnation(self, incarnation: int) -> Self:
        """The same machine with another incarnation, and so with another id."""

    def adopt(self, deployed: Self) -> Self:
        """The machine with what `deployed`, which has its id, cannot change any more."""


M = TypeVar("M", bound=Machine)


@dataclass(frozen=True)
class Observed:
    """What the inventory has under a machine's id; by default nothing.

    Names need not be unique: `exists` tells of a usable machine, `failed` of one that could not be
    made. `status` and `remedy` are for a person, about one that exists and is not `running`.
    """

    exists: bool = False
    failed: bool = False
    running: bool = False
    status: str = ""
    remedy: str = ""


ABSENT = Observed()


@dataclass(frozen=True)
class ServerRollout(Generic[M]):
    """The machines of one server after a run.

    `retired` are those of the last run that go, after the cutover.
    """

    active: M
    standby: tuple[M, ...] = ()
    retired: tuple[M, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def machines(self) -> list[M]:
        """Those that stay, the active one first: `deployed` of the next run."""
        return [self.active, *self.standby]


def plan_server(
    desired: M,
    deployed: Sequence[M],
    observed: Mapping[str, Observed],
    *,
    standby_releases: int,
    available: Collection[str],
) -> ServerRollout[M]:
    """Plan the machines of one server.

    `desired` is the machine that it is to have, of the first incarnation. `deployed` are the ones
    of the last good run, the active one first. `observed` is the inventory by id. Up to
    `standby_releases` older machines stay, of those whose release is `available`: where another
    server has failed, a machine may run whose release is in no ledger.

    Raises FlakeshipError (machine-stopped) where the machine to go back to does not run.
    """
    active, lost = reuse(desired, deployed, observed)
    candidates = [
        machine
        for machine in deployed
        if machine.id != active.id
        and observed.get(machine.id, ABSENT).exists
        and machine.release_name in available
    ][:standby_releases]
    standby = tuple(machine for machine in candidates if machine.location == active.location)
    staying = {machine.id for machine in (active, *standby)}
    name = active.server_name
    return ServerRollout(
        active,
        standby,
        tuple(machine for machine in deployed if machine.id not in staying),
        (
            *(f"{name}: {each} is gone or failed: a new machine replaces it" for each in lost),
            *check_active(active, deployed, observed.get(active.id, ABSENT)),
            *new_disk(active, deployed),
            *(
                f"{name}: {machine.id} is removed, because the network changes: going back to "
                f"{machine.release_name} will boot a new machine"
                for machine in candidates
                if machine not in standby
            ),
        ),
    )


def reuse(
    desired: M, deployed: Sequence[M], observed: Mapping[str, Observed]
) -> tuple[M, list[str]]:
    """The desired machine, as it is deployed where it is, and the ids of its lost incarnations.

    One that is gone, or has failed, gets a successor of the next incarnation.
    """
    same = {machine.id: machine for machine in deployed if machine.key == desired.key}
    latest = max((machine.incarnation for machine in same.values()), default=desired.incarnation)
    machine, lost = desired.with_incarnation(latest), []
    while (seen := observed.get(machine.id, ABSENT)).failed or (
        machine.id in same and not seen.exists
    ):
        lost.append(machine.id)
        machine = machine.with_incarnation(machine.incarnation + 1)
    return machine.adopt(same[machine.id]) if machine.id in same else machine, lost


def check_active(active: M, deployed: Sequence[M], seen: Observed) -> list[str]:
    """The notice that a deployed active machine does not run.

    Raises FlakeshipError where it is to become active again: it was verified before, so the address
    would move there without another check.
    """
    if active.id not in {machine.id for machine in deployed} or seen.running:
        return []
    if active.id != deployed[0].id:
        raise FlakeshipError(
            f"{active.id} is {seen.status}, and gets no address before it runs",
            code="machine-stopped",
            key=active.server_name,
            remedy=seen.remedy,
        )
    notice = FlakeshipError(
        f"{active.id} is {seen.status}", key=active.server_name, remedy=seen.remedy
    )
    return [str(notice)]


def new_disk(active: M, deployed: Sequence[M]) -> list[str]:
    """The notice that a new machine of an existing server begins with an empty root disk."""
    if not deployed or active.id in {machine.id for machine in deployed}:
        return []
    return [
        f"{active.server_name}: {active.id} starts with a new root disk; nothing is copied from "
        f"that of {deployed[0].id}"
    ]


def removed_servers(names: Collection[str], before: Mapping[str, str]) -> list[str]:
    """The notices about servers that are no longer in the settings.

    `names` are those that are, `before` has the servers of the last good run with the address that
    is released with each, empty where none is.
    """
    return [
        f"{name} is no longer in the settings: its machines are removed"
        + (f", and its address {address} is released" if address else "")
        for name, address in before.items()
        if name not in names
    ]
