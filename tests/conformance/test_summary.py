"""What a stack says of itself: before it changes, and when that is done."""

from __future__ import annotations

import pytest

from flakeship.rollout.summary import MOST
from tests.conformance.small_engine import Run
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

# a provider's package may import what is deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def summary(run: Run) -> str:
    """The one message about the servers; empty: there is none."""
    found = [text for text in run.told if text.startswith(("web", "db"))]
    assert len(found) <= 1
    return "".join(found)


def test_a_first_run_names_every_server_and_its_machine(deployed: Deployed) -> None:
    said = summary(deployed.preview())
    run = deployed.up()
    for name, server in run.outputs["servers"].items():
        assert any(
            line.startswith(f"{name}: ") and server["machine"] in line for line in said.splitlines()
        )
    assert len(said.splitlines()) <= MOST


def test_a_run_without_a_change_says_nothing(deployed: Deployed) -> None:
    deployed.up()
    assert summary(deployed.preview()) == ""
    assert summary(deployed.up()) == ""
    deployed.up(release(2))
    assert summary(deployed.preview(release(2))) == ""


def test_a_new_release_names_both_machines_and_is_not_warned_of(deployed: Deployed) -> None:
    before = deployed.up().outputs["servers"]
    preview = deployed.preview(release(2))
    after = deployed.up(release(2)).outputs["servers"]
    said = summary(preview)
    for name in ("web", "db"):
        (line,) = [each for each in said.splitlines() if each.startswith(f"{name}: ")]
        assert before[name]["machine"] in line
        assert after[name]["machine"] in line
        assert release(2).name in line
    assert preview.warnings == []


def test_a_rollback_is_told_as_one(deployed: Deployed) -> None:
    deployed.up()
    deployed.up(release(2))
    run = deployed.preview(release(1))
    assert f"rollback {release(2).name} -> {release(1).name}" in summary(run)


def test_an_update_tells_what_is_done_once_it_is_done(deployed: Deployed) -> None:
    deployed.up()
    planned, run = summary(deployed.preview(release(2))), deployed.up(release(2))
    said = summary(run)
    assert said != planned
    assert [line.partition(":")[0] for line in said.splitlines()] == [
        line.partition(":")[0] for line in planned.splitlines()
    ]
    for server in run.outputs["servers"].values():
        assert server["machine"] in said


def test_an_update_that_fails_tells_nothing_as_done(deployed: Deployed) -> None:
    deployed.up()
    with pytest.raises(Exception, match="a check failed"):
        deployed.up(release(2), fail="Verification")
    assert summary(deployed.last) == ""


def test_a_server_that_leaves_is_named_with_its_machine(deployed: Deployed) -> None:
    machine = deployed.up().outputs["servers"]["db"]["machine"]
    alone = [deployed.settings["servers"][0]]
    line, *_ = summary(deployed.preview(servers=alone)).splitlines()
    assert line.startswith("db: no longer in the settings")
    assert machine in line
