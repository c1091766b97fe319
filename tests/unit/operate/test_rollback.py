"""`flakeship rollback`: which release it chooses, and the update that it runs."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from flakeship.cli import environments
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.release import Record
from flakeship.operate import rollback
from flakeship.release.desired import ROLLBACK
from flakeship.state import stack
from flakeship.state.stack import Stack
from tests.unit.operate.project import ONE, THREE, TWO, environment, record, server

OTHER = record(4, "2026-11-28 11:30:00+00:00", host="db")


def running(*live: Record, ledger: list[Record]) -> Stack:
    """A stack with a server for each of these releases."""
    servers = {
        f"{each.release.host}-1": server(f"{each.release.host}-1", each, "a") for each in live
    }
    found = environment("prod", ledger, servers, []).stack
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(stack, "configuration", lambda _: known)
    return known


@pytest.mark.parametrize(
    ("live", "given", "chosen"),
    [(THREE, "", TWO), (TWO, "", ONE), (TWO, THREE.name, THREE), (THREE, ONE.name, ONE)],
)
def test_the_release_before_the_one_that_runs_or_any_by_name(
    live: Record, given: str, chosen: Record
) -> None:
    assert rollback.choose(running(live, ledger=[THREE, TWO, ONE]), given) == chosen


@pytest.mark.parametrize(
    ("live", "ledger", "given", "code"),
    [
        ([ONE], [THREE, TWO, ONE], "", "rollback-impossible"),
        ([THREE], [THREE], "", "rollback-impossible"),
        ([THREE], [THREE, TWO], THREE.name, "rollback-runs"),
        ([THREE, OTHER], [OTHER, THREE, TWO], "", "rollback-ambiguous"),
    ],
)
def test_what_cannot_be_rolled_back(
    live: list[Record], ledger: list[Record], given: str, code: str
) -> None:
    with pytest.raises(FlakeshipError) as refused:
        rollback.choose(running(*live, ledger=ledger), given)
    assert refused.value.code == code


def test_a_release_that_the_ledger_does_not_have() -> None:
    with pytest.raises(SettingError) as refused:
        rollback.choose(running(THREE, ledger=[THREE, TWO]), ONE.name)
    assert (refused.value.code, refused.value.key) == ("release-not-in-ledger", "flakeship:release")
    assert TWO.name in refused.value.allowed


def test_another_host_that_is_pinned_would_move_on(
    configured: dict[str, dict[str, str]],
) -> None:
    configured["flakeship:release"] = {"value": OTHER.name}
    both = running(THREE, OTHER, ledger=[OTHER, THREE, TWO])
    with pytest.raises(FlakeshipError) as refused:
        rollback.choose(both, TWO.name)
    assert refused.value.code == "rollback-pinned"
    configured["flakeship:release"] = {"value": THREE.name}
    assert rollback.choose(both, TWO.name) == TWO


@pytest.mark.parametrize("code", [0, 1, 255])
def test_only_an_update_that_succeeds_pins_the_release(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    updates: list[tuple[list[str], str]] = []
    pinned: list[list[str]] = []

    def updated(argv: list[str], env: dict[str, str]) -> int:
        updates.append((argv, env[ROLLBACK]))
        return code

    monkeypatch.setattr(stack, "selected", lambda: running(THREE, ledger=[THREE, TWO]))
    monkeypatch.setattr(rollback, "foreground", updated)
    monkeypatch.setattr(rollback, "run", pinned.append)
    for words in (["--", "--refresh"], ["--to", "", "--yes", "--", "--refresh"]):
        done = CliRunner().invoke(environments.roll_back, words)
        assert done.exit_code == code
        argv, release = updates.pop()
        assert (argv[-1], release, "--yes" in argv) == ("--refresh", TWO.name, "--yes" in words)
        assert ("pulumi config rm flakeship:release" in done.output) == (code == 0)
    setting = ["pulumi", "config", "set", "flakeship:release", TWO.name, "--stack", "prod"]
    assert pinned == [setting] * (2 if code == 0 else 0)
