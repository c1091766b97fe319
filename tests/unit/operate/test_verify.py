"""`flakeship verify` repeats what the state has as verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.release import Artifact, Record
from flakeship.operate import actions
from flakeship.state import outputs
from flakeship.state.stack import Resource, Stack
from flakeship.targets import repeat
from flakeship.targets.base import Verified
from flakeship.targets.openstack.operate import OpenStackOperator
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.repeat import AT_ONCE, DEADLINE, again, repeated
from tests.targets.openstack.unit.samples import REQUEST as REVIEW
from tests.unit.model.test_ledger import release

TEST = "test-33333333-abcd"


def verification(machine: str, **inputs: Any) -> dict[str, Any]:
    done = plain(Evidence(machine, 1, ["ssh-ed25519 AAAA"], 3.0, []))
    kind = "flakeship:openstack:Verification"
    urn = f"urn:pulumi:dev::p::{kind}::{machine}"
    return {"urn": urn, "type": kind, "inputs": inputs, "outputs": {"result": done}}


def header(target: str, **servers: Any) -> dict[str, Any]:
    stored = {"flakeship": outputs.header(target), "running": {"x": "r"}, "servers": servers}
    return {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": stored}


@pytest.mark.parametrize("target", ["local", "openstack"])
def test_where_nothing_is_verified_there_is_nothing_to_repeat(target: str) -> None:
    # on a cloud the cutover is an association of Neutron's, and no command of ours
    moved = {"urn": "u::address-web", "type": "t", "inputs": {"floatingIp": "203.0.113.7"}}
    with pytest.raises(FlakeshipError) as refused:
        actions.verify(Stack("dev", {"resources": [header(target), moved]}))
    assert refused.value.code == "nothing-verified"


def test_a_target_that_this_version_does_not_have_means_that_it_is_older() -> None:
    with pytest.raises(FlakeshipError) as refused:
        actions.verify(Stack("dev", {"resources": [header("hyperv")]}))
    assert (refused.value.code, refused.value.key) == ("outputs-newer", "stack dev")


def test_one_server_may_be_named_and_all_failures_are_reported() -> None:
    machines = ["web-11111111-abcd", "web-db-11111111-abcd", "mail-22222222-abcd"]
    found = [verification(each) for each in machines]
    stack = Stack("dev", {"resources": found})

    def repeat(machine: str, _: Resource) -> Verified:
        if machine.startswith("web"):
            raise FlakeshipError("is broken", key=machine)
        return Verified(machine, [CheckResult("a", passed=True, milliseconds=1, detail="")])

    with pytest.raises(FlakeshipError) as failed:
        repeated(stack, "", repeat)
    assert failed.value.code == "checks-failed"
    assert all(f"{machine}: is broken" in str(failed.value) for machine in machines[:2])
    assert repeated(stack, "mail-22222222-abcd", repeat) == repeated(stack, "mail", repeat)
    done: Sequence[Verified] = repeated(stack, "mail", repeat)
    assert [each.machine for each in done] == ["mail-22222222-abcd"]
    assert "mail-22222222-abcd\n  ✓ a    0.00 s" in actions.verify_text(done)


def test_machines_are_verified_side_by_side() -> None:
    """One that is silent does not hold up the others: each waits until all are there."""
    machines = [f"web-{number}-11111111-abcd" for number in range(AT_ONCE)]
    stack = Stack("dev", {"resources": [verification(m) for m in machines]})
    together = Barrier(AT_ONCE)

    def repeat(machine: str, _: Resource) -> Verified:
        together.wait(10)
        return Verified(machine)

    assert [each.machine for each in repeated(stack, "", repeat)] == machines


def test_a_machine_that_was_verified_before_has_half_a_minute() -> None:
    stack = Stack("dev", {})
    assert again(stack, REVIEW.verify).deadline == 30
    assert again(stack, replace(REVIEW.verify, deadline=5)).deadline == 5


@pytest.mark.parametrize("known", [True, False])
def test_one_that_lets_in_no_key_of_this_workstation_is_told_so(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    asked = replace(REVIEW.verify, machine=TEST, identity="/home/first/id")
    authorized = (AuthorizedKey("SHA256:" + "A" * 43, "first operator"),) if known else ()
    record = Record(replace(release(3), host="test", keys=authorized), Artifact(()))
    stored = header("openstack")
    stored["outputs"]["releases"] = [plain(record)]
    stack = Stack("dev", {"resources": [stored]})
    monkeypatch.setattr(repeat, "configuration", lambda _: {})
    if not known:
        assert again(stack, asked).identity == "/home/first/id"
        return
    with pytest.raises(FlakeshipError) as refused:
        again(stack, asked)
    assert refused.value.code == "identity-not-authorized"
    assert "first operator" in "\n".join(refused.value.details)


@pytest.mark.parametrize("active", [True, False])
def test_the_active_server_is_verified_with_its_address(
    monkeypatch: pytest.MonkeyPatch, active: bool
) -> None:
    asked: list[bool] = []

    def again(request: VerifyServerRequest, *_: object, active: bool) -> Evidence:
        assert request.verify.deadline == DEADLINE
        asked.append(active)
        return Evidence(TEST, 1, [], 1.0, [])

    module = "flakeship.targets.openstack.servers.verify_server.verify_existing"
    monkeypatch.setattr(module, again)
    server = {"target": "openstack", "machine": TEST if active else "test-44444444-abcd"}
    own = verification(TEST, **plain(REVIEW))
    stack = header("openstack", test={**server, "release": "r"})
    OpenStackOperator(Stack("dev", {"resources": [stack, own]})).verify()
    assert asked == [active]
