"""`flakeship promote`: the update that it runs."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from flakeship.cli import environments
from flakeship.model.errors import FlakeshipError
from flakeship.operate import promote
from flakeship.release.promotion import EXPECTED
from flakeship.state import stack
from flakeship.state.stack import STACK, Stack

PROD = Stack("prod", {"resources": []})
POLICIES = ["--skip-preview=false", "--policy-pack", "policy"]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"flakeship:promoteFrom": {"value": "staging"}}
    monkeypatch.setattr(stack, "configuration", lambda _: known)


def test_pulumis_options_come_last_and_so_they_count() -> None:
    argv = promote.command(PROD, "staging", POLICIES, yes=True)
    assert argv[:2] == ["pulumi", "up"]
    assert argv.index("--skip-preview") < argv.index("--skip-preview=false")
    assert argv[-3:] == POLICIES
    assert "--yes" not in promote.command(PROD, "", yes=False)


def test_another_source_than_that_of_the_settings_is_refused() -> None:
    with pytest.raises(FlakeshipError) as refused:
        promote.command(PROD, "dev", yes=False)
    assert (refused.value.code, refused.value.given) == ("promotion-elsewhere", "dev")


def test_the_command_hands_over_what_comes_after_two_dashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run: list[list[str]] = []
    shown: list[str] = []

    def replace(_: str, argv: list[str], env: dict[str, str]) -> None:
        run.append(argv)
        shown.append(env[EXPECTED])

    monkeypatch.setattr(stack, "selected", lambda: PROD)
    running = {"outputs": {"running": {"web": "web-11111111", "db": "db-22222222"}}}
    state = {"resources": [{"urn": "x", "type": STACK, **running}]}
    monkeypatch.setattr(promote, "exported", lambda name: Stack(name, state))
    monkeypatch.setattr(os, "execvpe", replace)
    words = ["--from", "staging"]
    assert (
        CliRunner().invoke(environments.promote_releases, [*words, "--", *POLICIES]).exit_code == 0
    )
    assert CliRunner().invoke(environments.promote_releases, [*words, "--"]).exit_code == 0
    assert shown == ["web-11111111 db-22222222"] * 2
    assert [argv[-3:] for argv in run] == [POLICIES, ["--suppress-outputs", "--stack", "prod"]]
    # an option of Pulumi's is none of ours
    assert (
        CliRunner().invoke(environments.promote_releases, ["--policy-pack", "policy"]).exit_code
        == 2
    )
