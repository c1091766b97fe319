"""What changed between releases: the pairs, and what is known of them without their store paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.nix.diff import graph
from flakeship.operate.held import held, newest_first
from flakeship.operate.report import differences
from flakeship.operate.report.differences import Step
from tests.unit.nix.small_store import SmallStore
from tests.unit.operate.project import DEV, LIVE, ONE, PROD, STAGED, STAGING, THREE, TWO, record

ALL = [DEV, STAGING, PROD]
HELD = {each.name: held(each) for each in ALL}


def names(pairs: list[tuple[Record, Record]]) -> list[tuple[str, str]]:
    return [(before.name[-1], after.name[-1]) for before, after in pairs]


def test_a_step_for_each_host_of_each_environment_that_promotes() -> None:
    found = differences.steps(ALL, HELD)
    assert [(it.source, it.target, it.before.name, it.after.name) for it in found] == [
        ("dev", "staging", TWO.name, THREE.name),
        ("staging", "prod", LIVE.name, STAGED.name),
    ]
    assert differences.steps([STAGING], {"staging": held(STAGING)}) == []


def test_each_release_with_the_one_before_it_and_the_steps_that_jump() -> None:
    releases = newest_first(HELD.values())
    jump = Step("dev", "prod", ONE, THREE)
    same = Step("dev", "qa", ONE, ONE)
    known = Step("dev", "staging", TWO, THREE)
    assert names(differences.pairs(releases, [known, jump, same])) == [
        *(("2", "3"), ("1", "2"), ("1", "3"))
    ]
    other = record(5, THREE.at, host="db")
    assert names(differences.pairs([other, *releases], [])) == [("2", "3"), ("1", "2")]
    assert differences.pairs([], []) == []


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """Three releases whose derivations exist, as files."""
    store = SmallStore()
    systems = [
        store.system(packages=(store.package("curl", version),)) for version in ("1", "2", "3")
    ]
    loaded = store.graph()
    found = []
    for number, system in enumerate(systems):
        drv = tmp_path / Path(system.drv).name
        drv.touch()
        found.append(replace(record(number + 1, ""), release=replace(system, drv=str(drv))))
    monkeypatch.setattr(graph, "load", lambda _: loaded)
    return found


def test_packages_where_both_derivations_are_in_the_store(stored: list[Record]) -> None:
    one, two, three = stored
    gone = replace(three, release=replace(three.release, drv="/nix/store/gone.drv"))
    found = differences.compared([(one, two), (two, gone)])
    assert found[one.name, two.name].parts["packages"] == ["curl 1 -> 2"]
    assert found[one.name, two.name].unknown == ""
    assert found[two.name, gone.name].parts == {}
    assert gone.name in found[two.name, gone.name].unknown


def test_no_more_than_some_are_compared(
    stored: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = stored
    monkeypatch.setattr(differences, "MOST", 1)
    found = differences.compared([(one, two), (two, three)])
    assert found[one.name, two.name].parts
    assert found[two.name, three.name].unknown


@pytest.mark.parametrize("error", [FlakeshipError("no daemon", code="x"), ValueError("no JSON")])
def test_a_store_that_does_not_answer_costs_the_packages_alone(
    stored: list[Record], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load(_: object) -> object:
        raise error

    monkeypatch.setattr(graph, "load", load)
    one, two, _ = stored
    (found,) = differences.compared([(one, two)]).values()
    assert str(error) in found.unknown


def test_what_is_no_system_of_nixos_is_said(stored: list[Record]) -> None:
    one, two, _ = stored
    wrong = replace(one, release=replace(one.release, toplevel=f"/nix/store/{'0' * 32}-x"))
    found = differences.compared([(wrong, two)])[wrong.name, two.name]
    assert "is not an input of the image" in found.unknown
