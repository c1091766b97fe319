"""`make verify` looks at what the state says was verified."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship.model.codec import dump, parse
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.operate import verify as recheck
from flakeship.state.stack import Stack
from flakeship.targets.local.requests import VerifyMachineRequest
from flakeship.verify.context import VerificationContext
from tests.unit.verify.machines import REQUEST


def resource(name: str, **inputs: str) -> dict[str, Any]:
    done = dump(Evidence("test-33333333-abcd", 1, ["ssh-ed25519 AAAA"], 3.0, []))
    return {
        "urn": f"urn:pulumi:dev::p::t::{name}",
        "type": "t",
        "inputs": inputs,
        "outputs": {"stdout": done},
    }


def test_a_cut_over_on_a_cloud_has_nothing_to_check() -> None:
    # it is an association of Neutron's, and no verb of ours
    moved = resource("cutover-web", floatingIp="203.0.113.7")
    with pytest.raises(FlakeshipError, match="nothing is verified in this stack yet"):
        recheck.verify_stack(Stack("dev", {"resources": [moved]}), str)


def test_a_test_server_that_is_gone_is_told() -> None:
    tried = resource("verification-test-33333333-abcd", create="trial", stdin="{}")
    shown = recheck.verify_stack(Stack("dev", {"resources": [tried]}), str)
    assert "test-33333333-abcd\n  was a test server and is gone" in shown


@pytest.mark.parametrize("active", [True, False])
def test_a_cloud_is_told_which_server_is_active(
    monkeypatch: pytest.MonkeyPatch, active: bool
) -> None:
    asked: list[bool] = []

    def again(_text: str, previous: str, *_: object, active: bool) -> Evidence:
        asked.append(active)
        return parse(Evidence, previous)

    monkeypatch.setattr(
        "flakeship.targets.openstack.servers.verify_existing.verify_existing", again
    )
    name = "test-33333333-abcd"
    servers = {"test": {"machine": name if active else "test-44444444-abcd"}}
    stack = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": {"servers": servers}}
    reviewed = resource(f"verification-{name}", create="review", stdin="{}")
    recheck.verify_stack(Stack("dev", {"resources": [stack, reviewed]}), str)
    assert asked == [active]


def test_what_a_failure_of_a_running_machine_means(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def verify(_request: object, _pinned: object, context: VerificationContext) -> Evidence:
        told.append(context.on_failure)
        return Evidence(REQUEST.machine, 1, [], 1.0, [])

    monkeypatch.setattr("flakeship.verify.verify.verify", verify)
    request = VerifyMachineRequest(REQUEST, {22: 1}, "10.0.2.0/24", "console.log")
    looked = resource("verification-test", create="verify", stdin=dump(request))
    recheck.verify_stack(Stack("dev", {"resources": [looked]}), str)
    assert "it still has its name and address" in told[0]
    assert "`pulumi up --stack dev --replace '**-test-33333333-abcd'`" in told[0]
