"""`flakeship rollback`: which release it chooses, and the update that it runs."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from flakeship.cli import environments
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.release import Record
from flakeship.operate import rollback
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


@pytest.mark.parametrize(
    ("live", "given", "chosen"),
    [(THREE, "", TWO), (TWO, "", ONE), (TWO, THREE.name, THREE), (THREE, ONE.name, ONE)],
)
def test_the_release_before_the_one_that_runs_or_any_by_name(
    live: Record, given: str, chosen: Record
) -> None:
    stack = running(live, ledger=[THREE, TWO, ONE])
    argv = rollback.command(stack, given, ["--policy-pack", "policy"], yes=False)
    assert argv[:2] == ["pulumi", "up"]
    assert "--yes" not in argv
    assert argv[argv.index("--config") + 1] == f"flakeship:release={chosen.name}"
    assert argv[-2:] == ["--policy-pack", "policy"]
    assert "--yes" in rollback.command(stack, given, yes=True)


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
        rollback.command(running(*live, ledger=ledger), given, yes=False)
    assert refused.value.code == code


def test_a_release_that_the_ledger_does_not_have() -> None:
    with pytest.raises(SettingError) as refused:
        rollback.command(running(THREE, ledger=[THREE, TWO]), ONE.name, yes=False)
    assert (refused.value.code, refused.value.key) == ("release-not-in-ledger", "flakeship:release")
    assert TWO.name in refused.value.allowed


def test_the_command_says_how_to_follow_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[list[str]] = []
    monkeypatch.setattr(stack, "selected", lambda: running(THREE, ledger=[THREE, TWO]))
    monkeypatch.setattr(os, "execvp", lambda _, argv: run.append(argv))
    done = CliRunner().invoke(environments.roll_back, ["--to", TWO.name, "--", "--refresh"])
    assert "pulumi config rm flakeship:release" in done.output
    assert run[0][-1] == "--refresh"
    run.clear()
    CliRunner().invoke(environments.roll_back, ["--to", "", "--", "--refresh"])
    assert f"flakeship:release={TWO.name}" in run[0]
