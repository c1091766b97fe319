"""What the target's plan takes from rollout/, run by run on its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import Owner
from flakeship.targets.fake import cloud
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

ONE, TWO = release(1), release(2)
ALONE: dict[str, Any] = {"servers": [{"name": "web"}], "standbyReleases": 0, "retainReleases": 1}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    monkeypatch.chdir(tmp_path)
    return Deployed("fake", monkeypatch)


def machines(status: str = "") -> list[str]:
    """The ids of the machines; all get a status, where one is given."""
    with cloud.changing("dev") as found:
        for machine in found.of("machine"):
            machine.status = status or machine.status
    return [machine.id for machine in found.of("machine")]


def images() -> list[str]:
    return [image.name for image in cloud.read("dev").of("image")]


def test_an_image_that_somebody_else_boots_stays(stack: Deployed) -> None:
    stack.up(**ALONE)
    with cloud.changing("dev") as found:
        image = found.of("image")[0].id
        theirs = found.create("machine", Owner("prod", "db"), "theirs", uses=image)
    run = stack.up(TWO, **ALONE)
    assert [line for line in run.warnings if theirs.id in line]
    assert images() == [ONE.name, TWO.name]
    with cloud.changing("dev") as found:
        del found.objects[theirs.id]
    stack.up(TWO, **ALONE)
    assert images() == [TWO.name]


def test_an_image_that_is_lost_is_published_again(stack: Deployed) -> None:
    before = stack.up(**ALONE)
    with cloud.changing("dev") as found:
        del found.objects[found.of("image")[0].id]
    run = stack.up(**ALONE)
    assert images() == [ONE.name]
    assert run.outputs["servers"] == before.outputs["servers"]
    assert run.outputs["fake"]["published"][ONE.name]["count"] == 2


def test_another_zone_is_another_machine_without_a_standby(stack: Deployed) -> None:
    given = {**ALONE, "standbyReleases": 1, "retainReleases": 2}
    stack.up(**given)
    before = machines()
    run = stack.up(fake={"zone": "c"}, **given)
    assert set(before).isdisjoint(machines())
    assert len(machines()) == 1
    assert run.warnings


@pytest.mark.parametrize(("status", "replaced"), [("failed", True), ("stopped", False)])
def test_a_failed_machine_gets_a_successor_and_a_stopped_one_a_notice(
    stack: Deployed, status: str, replaced: bool
) -> None:
    stack.up(**ALONE)
    before = machines(status)
    run = stack.up(**ALONE)
    assert (machines() != before) is replaced
    assert any(".state/dev/fake.json" in line for line in run.warnings) is not replaced


def test_a_server_that_is_no_longer_wanted_is_named(stack: Deployed) -> None:
    two = [{"name": "web"}, {"name": "db"}]
    address = stack.up(**{**ALONE, "servers": two}).outputs["servers"]["db"]["address"]
    run = stack.up(**ALONE)
    assert run.warnings == []
    (told,) = run.told
    assert told.startswith("db: no longer in the settings")
    assert address in told
    assert [each.name for each in cloud.read("dev").of("address")] == ["web"]


@pytest.mark.parametrize(
    "wrong", [{"machines": {"web": [{}]}}, {"fake": {"published": {"web-1": 1}}}]
)
def test_outputs_that_cannot_be_read_are_refused(stack: Deployed, wrong: dict[str, Any]) -> None:
    stack.up(**ALONE).outputs.update(wrong)
    with pytest.raises(FlakeshipError) as caught:
        stack.up(**ALONE)
    assert caught.value.code == "outputs-unreadable"
