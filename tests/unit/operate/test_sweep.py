"""`flakeship sweep` removes what killed runs have left on the workstation."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.operate import actions
from flakeship.state.resources import IMAGE
from flakeship.state.stack import Stack
from flakeship.system import temporary
from tests.unit.operate.test_verify import header


def test_abandoned_temporary_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stack = Stack("dev", {"resources": [header("local")]})
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    monkeypatch.setattr(actions, "selected", lambda: stack)
    with temporary.directory() as used:
        left = used.with_name("left")
        (left / "control").mkdir(parents=True)
        assert actions.sweep(stack).removed == [".state/tmp/left"]
        assert used.is_dir()
        assert not left.exists()
        assert actions.sweep(stack).removed == []


def test_a_run_that_ended_meanwhile_keeps_its_gc_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    exported = Stack("dev", {"resources": [header("local")]})
    image = {"urn": f"urn:pulumi:dev::p::t::{IMAGE.name('one')}", "type": "command:local:Command"}
    now = Stack("dev", {"resources": [header("local"), image]})
    monkeypatch.setattr(actions, "selected", lambda: now)
    roots = Path(".state/dev/roots")
    roots.mkdir(parents=True)
    (roots / "one").symlink_to("/nix/store/one")
    (roots / "two").symlink_to("/nix/store/two")
    assert actions.sweep(exported).removed == ["GC root two"]
    assert [each.name for each in roots.iterdir()] == ["one"]


def test_a_destroy_of_an_empty_stack_says_nothing() -> None:
    assert actions.removal_text(Stack("dev", {"resources": []})) == ""
