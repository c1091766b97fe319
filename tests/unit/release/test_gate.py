"""Each rule of a gate refuses what does not meet it, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flakeship.config.gate import Gate
from flakeship.system.process import run
from tests.project import commit
from tests.unit.release.gating import NOW, codes, refusals


def soak(given: str) -> Gate:
    return Gate.model_validate({"soak": given})


def test_without_rules_everything_passes() -> None:
    assert refusals(Gate()) == []


def test_named_checks_must_have_passed_there() -> None:
    assert refusals(Gate(checks=["greeting"])) == []
    (refused,) = refusals(Gate(checks=["greeting", "backup"]))
    assert (refused.code, refused.key) == ("gate-checks", "flakeship:gate.checks")
    assert "backup" in refused.what
    assert "greeting, ssh" in refused.allowed


@pytest.mark.parametrize(("minutes", "passes"), [(119, True), (120, True), (121, False)])
def test_a_release_is_to_run_for_a_while(minutes: int, passes: bool) -> None:
    found = refusals(soak(f"{minutes}m"))
    assert codes(found) == ([] if passes else ["gate-soak"])
    assert not found or "2026-11-28 12:01" in found[0].remedy


def test_a_time_that_nobody_recorded_is_no_soak() -> None:
    assert codes(refusals(soak("1s"), at="")) == ["gate-soak"]
    assert codes(refusals(soak("1s"), at="2026-11-28 10:00:00")) == ["gate-soak"]
    assert refusals(Gate(), at="") == []


def test_a_verification_in_the_future_is_a_wrong_clock() -> None:
    tomorrow = (NOW + timedelta(days=1)).isoformat(sep=" ")
    assert codes(refusals(soak("1s"), at=tomorrow)) == ["gate-clock"]
    a_minute = (NOW + timedelta(minutes=1)).isoformat(sep=" ")
    assert codes(refusals(soak("1s"), at=a_minute)) == ["gate-soak"]


@pytest.mark.parametrize("revision", ["", "abc-dirty"])
def test_a_clean_revision(revision: str) -> None:
    (refused,) = refusals(Gate(revision="clean"), of=revision)
    assert (refused.code, refused.given) == ("gate-revision", revision)
    assert refusals(Gate(revision="clean"), of="abc") == []


def test_a_pushed_revision_is_on_a_branch_of_a_remote(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    run(["git", "init", "-q", origin])
    commit(origin)
    run(["git", "clone", "-q", origin, clone])
    pushed, local = head(clone), ""
    commit(clone)
    local = head(clone)
    rule = Gate(revision="pushed")
    assert refusals(rule, of=pushed, checkout=clone) == []
    assert codes(refusals(rule, of=local, checkout=clone)) == ["gate-revision"]
    assert codes(refusals(rule, of="0" * 40, checkout=clone)) == ["gate-revision"]
    branch = run(["git", "-C", clone, "branch", "--show-current"]).stdout.strip()
    for name in (f"origin/{branch}", "HEAD~1", "--no-merged"):
        assert codes(refusals(rule, of=name, checkout=clone)) == ["gate-revision"]
    assert codes(refusals(rule, of=f"{pushed}-dirty", checkout=clone)) == ["gate-revision"]


def head(folder: Path) -> str:
    return run(["git", "-C", folder, "rev-parse", "HEAD"]).stdout.strip()


def test_all_rules_that_refuse_are_told() -> None:
    rules = Gate.model_validate({"soak": "1d", "checks": ["backup"], "revision": "clean"})
    assert codes(refusals(rules)) == ["gate-checks", "gate-soak", "gate-revision"]
