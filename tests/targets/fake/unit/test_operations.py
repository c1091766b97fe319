"""The target's operations on its file: what they create, take over and delete."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.codec import dump
from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.model.release import Artifact
from flakeship.rollout.ownership import Owner
from flakeship.targets.fake import cloud
from flakeship.targets.fake.resource_types import (
    create_machine,
    cut_over,
    delete,
    publish_image,
    verify_machine,
)
from flakeship.targets.fake.resources import (
    CutoverRequest,
    MachineRequest,
    PublishRequest,
    VerifyMachineRequest,
)
from flakeship.verify.request import VerifyRequest

WEB = Owner("dev", "web", "web-11111111")
IMAGE = PublishRequest(Owner("dev", release="web-11111111"), Artifact(()), 1)


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def machine(image: str = "") -> str:
    found = image or publish_image(IMAGE, "").id
    return create_machine(MachineRequest(WEB, "web-11111111-abcd", found, 0), "").id


def verification(key: str, *fail: str) -> VerifyMachineRequest:
    ports = [Port(port=80)]
    checks = VerifyRequest("web-11111111-abcd", ports, "nixos", "", "/nix/store/t", 2048)
    return VerifyMachineRequest(WEB, key, [*fail], checks)


def test_what_a_killed_run_has_published_is_taken_over() -> None:
    first = publish_image(IMAGE, "")
    assert publish_image(IMAGE, "") == first
    assert [each.name for each in cloud.read("dev").of("image")] == ["web-11111111"]


def test_a_machine_runs_from_its_image_and_names_need_not_be_unique() -> None:
    one, other = machine(), machine()
    found = cloud.read("dev")
    assert one != other
    assert found.objects[one].uses == found.of("image")[0].id
    assert found.objects[one].status == "running"
    assert found.objects[one].owner == WEB


def test_a_machine_without_its_image_is_refused() -> None:
    with pytest.raises(FlakeshipError) as refused:
        machine("image-9")
    assert (refused.value.code, refused.value.given) == ("image-missing", "image-9")
    assert cloud.read("dev").of("machine") == []


def test_a_server_keeps_its_address() -> None:
    server = Owner("dev", "web")
    first = cut_over(CutoverRequest(server, machine()), "")
    second = machine()
    assert cut_over(CutoverRequest(server, second), "") == first
    assert cloud.read("dev").objects[first.id].uses == second
    other = cut_over(CutoverRequest(Owner("dev", "db"), second), "")
    assert other.id != first.id


def test_with_the_last_object_the_file_goes() -> None:
    made = publish_image(IMAGE, "")
    delete(IMAGE, dump(made))
    assert not cloud.file("dev").exists()
    delete(IMAGE, dump(made))  # once more is no error


def test_a_verification_leaves_nothing_but_its_evidence() -> None:
    key = machine()
    before = cloud.read("dev").objects
    evidence = verify_machine(verification(key))
    assert [each.name for each in evidence.checks] == ["boot", "port-80"]
    assert cloud.read("dev").objects == before


def test_the_address_of_a_killed_verification_is_used_again() -> None:
    key = machine()
    with cloud.changing("dev") as found:
        left = found.create("address", WEB.for_verification().of_this_checkout(), uses=key)
    evidence = verify_machine(verification(key))
    assert {each.detail for each in evidence.checks} == {f"at {left.id}"}
    assert cloud.read("dev").of("address") == []


@pytest.mark.parametrize(("fail", "status"), [("port-80", "running"), ("", "stopped")])
def test_a_failed_verification_names_its_checks(fail: str, status: str) -> None:
    key = machine()
    with cloud.changing("dev") as found:
        found.objects[key].status = status
    with pytest.raises(FlakeshipError) as failed:
        verify_machine(verification(key, *([fail] if fail else [])), "Nothing moved.")
    error = failed.value
    assert (error.code, error.key) == ("checks-failed", "web-11111111-abcd")
    assert error.details[-1] == "Nothing moved."
    assert "port-80" in error.details[-2]
    assert cloud.read("dev").of("address") == []
