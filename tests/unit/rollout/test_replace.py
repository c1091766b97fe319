"""Blue/green on plain values: which machine is active, which stand by, what a person is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from flakeship.config.server import AnyServer
from flakeship.model.errors import FlakeshipError
from flakeship.rollout.machine import PlannedMachine
from flakeship.rollout.replace import (
    Observed,
    ServerRollout,
    plan_server,
)
from tests.unit.model.test_ledger import release


@dataclass(frozen=True, kw_only=True)
class Box(PlannedMachine):
    """The least that is a machine."""

    place: str = "net"
    label: str = ""

    @property
    def location(self) -> str:
        return self.place

    def adopt(self, deployed: Box) -> Box:
        return replace(self, label=deployed.label)


WEB = AnyServer(name="web")
ONE, TWO, THREE = (
    Box(stack="dev", server=WEB, release=release(digit), identity="", deadline=1.0)
    for digit in (1, 2, 3)
)
RUNS, STOPPED = Observed(exists=True, running=True), Observed(exists=True, status="SHUTOFF")
FAILED = Observed(failed=True)


def plan(
    desired: Box, *deployed: Box, standby: int = 1, available: str = "123", **seen: Observed
) -> ServerRollout[Box]:
    """Everything deployed runs, but for what is `seen` by release."""
    observed = {each.id: seen.get(f"r{each.release.name[-1]}", RUNS) for each in deployed}
    names = {release(int(digit)).name for digit in available}
    return plan_server(desired, deployed, observed, standby_releases=standby, available=names)


def test_the_first_machine_of_a_server() -> None:
    assert plan(ONE) == ServerRollout(ONE)


def test_a_machine_that_is_the_same_is_reused_as_it_is_deployed() -> None:
    deployed = replace(ONE, label="as it was made")
    assert plan(ONE, deployed) == ServerRollout(deployed)


def test_a_new_release_stands_beside_the_old_one() -> None:
    made = plan(THREE, TWO, ONE)
    assert (made.active, made.standby) == (THREE, (TWO,))
    assert made.machines == [THREE, TWO]  # and not the oldest
    assert made.notices == ()  # the summary tells it


def test_the_older_machine_becomes_active_again_and_nothing_is_made() -> None:
    made = plan(ONE, TWO, ONE)
    assert (made.active, made.standby, made.notices) == (ONE, (TWO,), ())


def test_no_standby_is_kept_where_none_is_asked_for() -> None:
    made = plan(TWO, ONE, standby=0)
    assert (made.standby, made.machines) == ((), [TWO])


@pytest.mark.parametrize("seen", [Observed(), FAILED])
def test_a_standby_that_is_lost_or_whose_release_is_unknown_does_not_stay(seen: Observed) -> None:
    assert plan(THREE, TWO, ONE, r2=seen).standby == (ONE,)
    assert plan(THREE, TWO, ONE, available="13").standby == (ONE,)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Observed(), "gone"),
        (FAILED, "failed"),
        (Observed(failed=True, status="half made"), "half made"),
        (Observed(status="without its port"), "without its port"),
        (Observed(exists=True, failed=True, status="ACTIVE"), "failed"),
    ],
)
def test_a_machine_that_is_lost_gets_a_successor_of_the_next_incarnation(
    seen: Observed, told: str
) -> None:
    made = plan(ONE, ONE, r1=seen)
    assert made.active == replace(ONE, incarnation=2)
    assert made.active.id != ONE.id
    assert made.notices == (f"web: {ONE.id} is {told}",)


def test_incarnations_are_counted_over_runs_that_failed() -> None:
    second = replace(ONE, incarnation=2)
    known = {ONE.release.name}
    made = plan_server(ONE, [second], {second.id: Observed()}, standby_releases=1, available=known)
    assert made.active.incarnation == 3
    # in no output, as its run has failed; but there, and not usable
    assert (
        plan_server(
            ONE, [], {ONE.id: FAILED, second.id: FAILED}, standby_releases=1, available=known
        ).active.incarnation
        == 3
    )


def test_one_that_exists_and_no_run_has_verified_is_not_new_again() -> None:
    observed = {ONE.id: RUNS}
    known = {ONE.release.name}
    assert plan_server(ONE, [], observed, standby_releases=1, available=known).active == ONE


def test_another_location_leaves_the_standbys_behind() -> None:
    moved = replace(ONE, place="other")
    made = plan(moved, ONE)
    assert (made.active, made.standby, made.machines) == (moved, (), [moved])
    assert f"{ONE.id} is no standby, because the network changes" in made.notices[-1]


def test_an_active_machine_that_does_not_run_is_told() -> None:
    seen = replace(STOPPED, remedy="start it")
    assert plan(ONE, ONE, r1=seen).notices == (f"web: {ONE.id} is SHUTOFF. Start it",)


def test_a_machine_that_does_not_run_does_not_become_active() -> None:
    with pytest.raises(FlakeshipError) as raised:
        plan(ONE, TWO, ONE, r1=replace(STOPPED, remedy="start it"))
    error = raised.value
    assert (error.code, error.key, error.remedy) == ("machine-stopped", "web", "start it")
    assert ONE.id in error.what
