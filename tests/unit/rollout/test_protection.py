"""What is protected can leave later: no run, whatever came before, has to remove it at once."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from flakeship.model import ledger
from flakeship.model.release import Record
from flakeship.rollout import protection
from tests.unit.operate.project import record

RELEASES = {digit: record(digit, "2026-11-01 00:00:00+00:00") for digit in range(1, 7)}
Run = tuple[int, bool, bool]
"""Which release is wanted, whether it is chosen by name, and whether its checks pass."""


def life(runs: Sequence[Run], retain: int) -> list[frozenset[str]]:
    """What each run protects, where none removes what the one before has protected."""
    known: list[Record] = []
    running: dict[str, str] = {}
    declared: set[str] = set()
    protected: list[frozenset[str]] = [frozenset()]
    for number, by_name, passes in runs:
        wanted = RELEASES[number]
        pinned = {"web"} if by_name and wanted in known else set()
        desired = {"web": wanted.release}
        kept = ledger.older(known, desired, retain, pinned)
        declared = {wanted.name, *(each.name for each in kept)}
        assert protected[-1] <= declared
        protected.append(protection.images(running, known, desired, retain, pinned) & declared)
        if passes:
            known = ledger.updated(known, [wanted], kept, pinned)
            running = {"web": wanted.name}
    return protected[1:]


@given(
    st.lists(st.tuples(st.sampled_from([*RELEASES]), st.booleans(), st.booleans()), max_size=12),
    st.integers(1, 5),
)
@example([(1, False, True), (2, False, True), (3, False, True), (1, True, True)], 3)
@example([(1, False, True), (2, False, False), (3, False, True)], 2)
def test_no_run_removes_what_is_protected(runs: list[Run], retain: int) -> None:
    life(runs, retain)


def test_the_image_that_runs_is_protected_from_the_next_run_on() -> None:
    one, two = (RELEASES[number].name for number in (1, 2))
    steady = [(1, False, True), (1, False, True), (2, False, True), (2, False, True)]
    assert life(steady, 3) == [frozenset(), {one}, {one}, {two}]
    assert life(steady, 2) == [frozenset(), {one}, frozenset(), {two}]
    assert life(steady, 1) == [frozenset()] * 4
