"""What is protected can leave later: no run, whatever came before, has to remove it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from flakeship.model import ledger
from flakeship.model.release import Record
from flakeship.rollout import protection
from tests.unit.operate.project import record

HOSTS = ("web", "db")
RELEASES = {
    host: {digit: record(digit, "2026-11-01 00:00:00+00:00", host=host) for digit in range(1, 7)}
    for host in HOSTS
}


@dataclass(frozen=True)
class Run:
    """Which release each host is to have, whether it is chosen by name, and what is kept."""

    wanted: Mapping[str, int]
    by_name: bool = False
    passes: bool = True
    retain: int = 3


def life(runs: Sequence[Run]) -> list[frozenset[str] | None]:
    """What each run protects; None for one that is refused, because it removes such."""
    known: list[Record] = []
    running: dict[str, str] = {}
    protected: list[frozenset[str] | None] = []
    held, last = frozenset[str](), Run({})
    for run in runs:
        wanted = [RELEASES[host][number] for host, number in run.wanted.items()]
        pinned = {each.release.host for each in wanted if run.by_name and each in known}
        desired = {each.release.host: each.release for each in wanted}
        kept = ledger.older(known, desired, run.retain, pinned)
        declared = {each.name for each in (*wanted, *kept)}
        if not held <= declared:
            assert run.retain < last.retain or not last.wanted.keys() <= run.wanted.keys()
            protected.append(None)
            continue
        held = protection.images(running, known, desired, run.retain, pinned) & declared
        protected.append(held)
        last = run
        if run.passes:
            known = ledger.updated(known, wanted, kept, pinned)
            running = {each.release.host: each.name for each in wanted}
    return protected


RUNS = st.builds(
    Run,
    st.dictionaries(st.sampled_from(HOSTS), st.integers(1, 6), min_size=1),
    st.booleans(),
    st.booleans(),
    st.integers(1, 5),
)


def of_web(*runs: tuple[int, bool, bool], retain: int = 3) -> list[Run]:
    return [Run({"web": number}, by_name, passes, retain) for number, by_name, passes in runs]


@given(st.lists(RUNS, max_size=12))
@example(of_web((1, False, True), (2, False, True), (3, False, True), (1, True, True)))
@example(of_web((1, False, True), (2, False, False), (3, False, True), retain=2))
@example(
    of_web(
        (1, False, True),
        (3, False, True),
        (1, True, True),
        (1, False, False),
        (2, False, True),
        retain=2,
    )
)
def test_only_a_smaller_stack_removes_what_is_protected(runs: list[Run]) -> None:
    """Whatever a run releases, it is refused only where it keeps less or has no more a host."""
    life(runs)


def test_the_image_that_runs_is_protected_from_the_next_run_on() -> None:
    one, two = (RELEASES["web"][number].name for number in (1, 2))
    steady = [(1, False, True), (1, False, True), (2, False, True), (2, False, True)]
    assert life(of_web(*steady)) == [frozenset(), {one}, {one}, {two}]
    assert life(of_web(*steady, retain=2)) == [frozenset(), {one}, frozenset(), {two}]
    assert life(of_web(*steady, retain=1)) == [frozenset()] * 4


def test_a_run_that_keeps_less_is_refused() -> None:
    one = RELEASES["web"][1].name
    steady = [Run({"web": 1}), Run({"web": 1})]
    assert life([*steady, Run({"web": 2}, retain=1)]) == [frozenset(), {one}, None]
    assert life([*steady, Run({"db": 1})]) == [frozenset(), {one}, None]
    assert life([*steady, Run({"web": 1}, retain=1)]) == [frozenset(), {one}, frozenset()]
