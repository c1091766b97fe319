"""A sweep of a cloud: what is removed, what is left for a person, and what a state holds."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import Owner
from flakeship.state import stack
from flakeship.state.outputs import header
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack import sweep as sweeping
from flakeship.targets.openstack.images.glance import UPLOADING
from flakeship.targets.openstack.requests import Published
from flakeship.targets.openstack.resources import description
from tests.targets.openstack.unit.fake_cloud import Cloud, server
from tests.targets.openstack.unit.test_owned_resources import WORDS, address, named, port

OLD = "2026-06-01T00:00:00Z"
PUBLISHED = Published("an-image", "", 1, 1)
TEMPORARY = Owner("dev", "web", "web-33333333").for_verification()


def test_the_ids_that_a_state_holds() -> None:
    resources = [
        {"urn": "u::web", "type": "flakeship:openstack:Server"},
        {"urn": "u::server-web", "id": "a-server", "type": "openstack:compute"},
        {
            "urn": "u::a",
            "id": "g",
            "type": "flakeship:openstack:GlanceImage",
            "outputs": {"result": plain(PUBLISHED)},
        },
        {"urn": "u::b", "id": "h", "type": "flakeship:openstack:GlanceImage", "outputs": {}},
        {
            "urn": "u::dev",
            "type": "pulumi:pulumi:Stack",
            "outputs": {
                "flakeship": header("openstack"),
                "openstack": {"published": {"b": {"id": "another-image", "count": 1}}},
            },
        },
    ]
    ids = sweeping.held_ids(Stack("dev", {"resources": resources}))
    assert ids >= {"a-server", "an-image", "another-image"}


def on(cloud: Cloud) -> None:
    """An orphaned test server and address, and a network that a person has to decide on."""
    cloud.only("servers", server("s", name="web-1", metadata=TEMPORARY.tags, created=OLD))
    cloud.only("floatingips", address("203.0.113.9", description=description(TEMPORARY)))
    cloud.only("networks", named("dev", tags=WORDS, created_at=OLD))


def lines_of(done: SweepResult) -> list[str]:
    return [*(f"removed the {each}" for each in done.removed), *done.left]


def sweep(**state: Any) -> list[str]:
    return lines_of(sweeping.sweep(Stack("dev", state), "fake"))


def test_what_is_orphaned_is_removed_and_the_rest_is_told(cloud: Cloud) -> None:
    on(cloud)
    lines = sweep()
    assert lines[:2] == [
        "removed the server web-1, ACTIVE, temporary, created 2026-06-01 00:00 UTC",
        "removed the floating ip 203.0.113.9, temporary",
    ]
    assert "the project ours of fake" in lines[2]
    assert lines[-1] == (
        "  openstack --os-cloud fake network delete id-of-dev  # dev, created 2026-06-01 00:00 UTC"
    )
    assert len(cloud.asked("^DELETE")) == 2
    assert sweep() == lines[2:]


def test_what_the_state_holds_is_left_alone(cloud: Cloud) -> None:
    on(cloud)
    ids = ["s", "id-of-203.0.113.9", "id-of-dev"]
    assert sweep(resources=[{"urn": "u::x", "type": "t", "id": each} for each in ids]) == []
    assert not cloud.asked("^DELETE")


def test_what_cannot_be_removed_is_told(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flakeship")
    on(cloud)
    monkeypatch.setattr("flakeship.targets.openstack.api.rest.PATIENCE", 0.1)
    cloud.refuse("DELETE /compute", 409, {"conflictingRequest": {"message": "it is locked"}})
    lines = sweep()
    assert caplog.messages[0].startswith("server web-1: could not be removed: it is locked. Try `")
    assert any("openstack --os-cloud fake server delete s  # web-1" in line for line in lines)


def test_a_state_of_another_project_is_refused(cloud: Cloud) -> None:
    on(cloud)
    other = {
        "urn": "u::dev",
        "type": "pulumi:pulumi:Stack",
        "outputs": {"flakeship": header("openstack"), "openstack": {"project": "q"}},
    }
    with pytest.raises(FlakeshipError) as raised:
        sweep(resources=[other])
    assert (raised.value.code, raised.value.key) == ("project-mismatch", "dev")
    assert "project q" in raised.value.what
    assert "ours (p)" in raised.value.what
    assert not cloud.asked("^DELETE")


@pytest.mark.parametrize("taken", [False, True])
def test_after_the_wait_the_state_is_read_anew(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    on(cloud)
    made = datetime.now(UTC) - timedelta(seconds=40)
    young = port("young", tags=WORDS, created_at=f"{made:%Y-%m-%dT%H:%M:%SZ}")
    cloud.only("ports", young)
    for other in ("servers", "floatingips", "networks"):
        cloud.only(other)
    state = {"resources": [{"urn": "u::n", "type": "t", "id": "shared"}]}
    later = {"resources": [*state["resources"], {"urn": "u::p", "type": "t", "id": young["id"]}]}
    monkeypatch.setattr(stack, "selected", lambda: Stack("dev", later if taken else state))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        young["created_at"] = OLD  # as if the time had passed

    monkeypatch.setattr("flakeship.rollout.orphans.time.sleep", sleep)
    lines = sweep(**state)
    assert 15 < slept[0] < 25
    assert lines == ([] if taken else ["removed the port young, created 2026-06-01 00:00 UTC"])


@pytest.mark.usefixtures("cloud")
def test_no_credentials_are_an_error_only_where_there_is_something() -> None:
    (line,) = sweeping.sweep(Stack("dev", {}), "nowhere").left
    assert line.startswith("the state is empty, and the cloud was not inspected: ")
    held = Stack("dev", {"resources": [{"urn": "u::x", "type": "t"}]})
    with pytest.raises(FlakeshipError) as raised:
        sweeping.sweep(held, "nowhere")
    assert raised.value.code == "cloud-unknown"


@pytest.mark.parametrize(
    ("device", "name", "removed"),
    [("", "web-1", True), ("s", "anything", True), ("", "another", False), ("x", "web-1", False)],
)
def test_a_server_that_hangs_in_build_is_recognized_by_its_port(
    cloud: Cloud, device: str, name: str, *, removed: bool
) -> None:
    """Nova has not plugged its port in yet, which the state holds."""
    owner = Owner("dev", "web", "web-33333333")
    metadata = {**owner.tags, "flakeship_machine": "web-1"}
    hanging = server("s", name="renamed", status="BUILD", metadata=metadata, created=OLD)
    cloud.only("servers", hanging)
    own = [f"{key}={value}" for key, value in owner.tags.items()]
    cloud.only("ports", {**port(name), "id": "p", "device_id": device, "tags": own})
    done = sweeping.sweep(
        Stack("dev", {"resources": [{"urn": "u::p", "type": "t", "id": "p"}]}), "fake"
    )
    assert [each for each in done.removed if each.startswith("server")] == (
        ["server renamed, BUILD, created 2026-06-01 00:00 UTC"] if removed else []
    )


def test_what_would_block_a_destroy_is_told_with_its_removal(cloud: Cloud) -> None:
    on(cloud)
    foreign = {**port("db"), "network_id": "id-of-dev", "device_owner": "compute:nova"}
    cloud.only("ports", {**foreign, "device_id": "theirs"})
    done = sweeping.sweep(Stack("dev", {}), "fake")
    assert done.blocking == [
        "openstack --os-cloud fake server remove port theirs id-of-db  "
        "# the port db of the server theirs"
    ]


def test_a_temporary_address_on_a_port_of_ours_is_nobody_else_s(cloud: Cloud) -> None:
    on(cloud)
    cloud.only("servers")
    cloud.only("networks")
    cloud.only(
        "floatingips",
        address("203.0.113.9", description=description(TEMPORARY), port_id="ours"),
    )
    state = {"resources": [{"urn": "u::p", "type": "t", "id": "ours"}]}
    (line,) = sweep(**state)
    assert "is on a port of this stack" in line
    assert "another checkout" not in line


def test_an_upload_that_was_not_finished_is_told_and_removed_by_the_rule_of_a_publication(
    cloud: Cloud,
) -> None:
    here = Owner("dev", release="web-1").of_this_checkout()
    there = replace(here, checkout="0123456789ab")
    done: dict[str, Any] = {"owner": "p", "os_hidden": True, "status": "active"}
    done["tags"] = ["flakeship"]
    cut = done | {"tags": ["flakeship", UPLOADING]}
    recent = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    images: dict[str, dict[str, Any]] = {
        "ours": {**cut, **here.tags, "created_at": recent},
        "queued": {**done, **here.tags, "created_at": recent, "status": "queued"},
        "old": {**cut, **there.tags, "created_at": OLD},
        "theirs": {**cut, **there.tags, "created_at": recent},
        "whole": {**done, **here.tags, "created_at": OLD},
        "held": {**cut, **here.tags, "created_at": OLD},
        "prod": {**cut, **replace(here, stack="prod").tags, "created_at": OLD},
    }
    cloud.only("images", *({"id": key, "name": key, **each} for key, each in images.items()))
    swept = sweeping.sweep(
        Stack("dev", {"resources": [{"urn": "u::x", "type": "t", "id": "held"}]}), "fake"
    )
    assert sorted(cloud.images) == ["held", "prod", "theirs", "whole"]
    assert sorted(each.split(",")[0] for each in swept.removed) == [
        "image old", "image ours", "image queued",
    ]  # fmt: skip
    told = {line.split()[5]: line for line in swept.left if "image delete" in line}
    assert told.keys() == {"theirs", "whole"}
    unfinished = "an upload that was not finished"
    assert unfinished in told["theirs"]
    assert unfinished not in told["whole"]
    assert all(unfinished in each for each in swept.removed)
