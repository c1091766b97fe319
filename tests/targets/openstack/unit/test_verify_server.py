"""Verification of a server of Nova's, and of one that is made for it."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openstack.exceptions import SDKException

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.state.stack import Stack
from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.api import connection
from flakeship.targets.openstack.operate import OpenStackOperator
from flakeship.targets.openstack.requests import EphemeralRequest
from flakeship.targets.openstack.servers import ephemeral, verify_server
from flakeship.verify import verify
from flakeship.verify.context import VerificationContext
from flakeship.verify.request import VerifyRequest
from flakeship.verify.route import Route
from tests.targets.openstack.unit.small_cloud import MARKS, REVIEW, SmallCloud
from tests.unit.verify.machines import ED25519

Seen = list[tuple[VerifyRequest, list[str], VerificationContext, Route]]


@pytest.fixture
def seen(small: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What comes to flakeship.verify, on the one cloud that there is."""
    found: Seen = []

    def take(request: VerifyRequest, pinned: list[str], target: VerificationContext) -> Evidence:
        with target.access.open() as route:
            found.append((request, pinned, target, route))
            small.moment = copy.deepcopy(small.things)
        return Evidence(request.machine, 1, [ED25519], 1, [], "today")

    @contextlib.contextmanager
    def connected(name: str) -> Iterator[SmallCloud]:
        assert name == "fake"
        yield small

    monkeypatch.setattr(verify, "verify", take)
    monkeypatch.setattr(connection, "connected", connected)
    return found


def test_a_review(small: SmallCloud, seen: Seen) -> None:
    small.things["ports"]["port-1"]["fixed_ips"].append(
        {"ip_address": "fd66::15", "subnet_id": "subnet-6"}
    )
    verify_server.verify_server(REVIEW, [ED25519], str)
    ((request, pinned, target, route),) = seen
    assert (request, pinned) == (REVIEW.verify, [ED25519])
    assert (route.address, route.subnet) == ("203.0.113.2", "10.0.2.0/24")
    assert [check.name for check in target.checks] == ["api", "port-scan", "ipv6"]
    small.things["servers"]["server-1"]["status"] = "SHUTOFF"
    assert target.inspect_hint([])[-1] == "  Nova has it as SHUTOFF."
    small.refusals = {"GET /servers": (1, 500, "oops")}
    assert target.inspect_hint([])[-1] == "  Nova does not tell its state: oops"


@pytest.mark.usefixtures("seen")
def test_a_server_that_nova_could_not_make(small: SmallCloud) -> None:
    broken = {"status": "ERROR", "fault": {"message": "No valid host was found. "}}
    small.things["servers"]["server-1"].update(broken)
    with pytest.raises(
        FlakeshipError, match="ERROR: No valid host was found; `openstack --os-cloud fake server"
    ):
        verify_server.verify_server(REVIEW, [], str)
    assert not [call for call in small.calls if "floating" in call]


TRIAL = EphemeralRequest(
    replace(REVIEW, server="", port=""),
    flavor="flavor-1",
    network="private",
    security_groups=["group-1"],
)


def test_a_trial(small: SmallCloud, seen: Seen) -> None:
    before = {kind: {*things} for kind, things in small.things.items()}
    assert ephemeral.verify_ephemeral(TRIAL, str).machine == REVIEW.machine
    made = small.moment["servers"][seen[0][2].console.name.split()[-1]]
    assert made["metadata"] == {
        "flakeship_stack": "dev",
        "flakeship_name": "web",
        "flakeship_release": "web-6h0ir2lm",
        "flakeship_temporary": "1",
        **ownership_tags.checkout(),
    }
    assert made["config_drive"]
    assert (made["imageRef"], made["flavorRef"]) == ("image-1", "flavor-1")
    assert {kind: {*things} for kind, things in small.things.items()} == before
    assert seen[0][2].inspect_hint([]) == [ephemeral.GONE]


@pytest.mark.parametrize(
    ("refusals", "born"),
    [
        ({}, "ERROR"),
        ({"POST /servers$": (1, 403, "Quota exceeded for instances")}, "ACTIVE"),
        ({"PUT /ports": (1, 500, "oops")}, "ACTIVE"),
        ({"POST /floatingips": (1, 409, "no more addresses")}, "ACTIVE"),
    ],
)
@pytest.mark.usefixtures("seen")
def test_a_trial_that_fails_leaves_nothing(
    small: SmallCloud, refusals: dict[str, tuple[int, int, str]], born: str
) -> None:
    small.refusals, small.born = refusals, born
    with pytest.raises(Exception, match=r"No valid host|Quota|oops|no more addresses"):
        ephemeral.verify_ephemeral(TRIAL, str)
    assert [*small.things["servers"]] == ["server-1"]
    assert [*small.things["ports"]] == ["port-1"]
    assert not small.things["floatingips"]


@pytest.mark.usefixtures("seen")
def test_a_trial_removes_what_a_killed_one_has_left(small: SmallCloud) -> None:
    left = small.things["servers"]["server-1"]
    small.things["servers"]["server-3"] = left | {
        "id": "server-3",
        "metadata": ownership_tags.own(MARKS),
    }
    small.things["ports"]["port-3"] = small.things["ports"]["port-1"] | {
        "id": "port-3",
        "description": ownership_tags.description(ownership_tags.own(MARKS)),
    }
    said: list[str] = []
    ephemeral.verify_ephemeral(TRIAL, said.append)
    assert "removing what a trial that was killed has left" in said[0]
    assert [*small.things["servers"]] == ["server-1"]
    assert [*small.things["ports"]] == ["port-1"]


@pytest.mark.usefixtures("seen")
def test_a_trial_of_another_checkout_goes_on(
    small: SmallCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ownership_tags.own(MARKS)
    small.things["servers"]["server-1"]["metadata"] = theirs
    small.things["ports"]["port-1"]["description"] = ownership_tags.description(theirs)
    monkeypatch.chdir(tmp_path)
    assert ownership_tags.own(MARKS) != theirs
    ephemeral.verify_ephemeral(TRIAL, str)
    assert [*small.things["servers"]] == ["server-1"]
    assert [*small.things["ports"]] == ["port-1"]


@pytest.mark.usefixtures("seen")
def test_a_busy_nova_does_not_end_a_trial(small: SmallCloud) -> None:
    small.refusals = {"GET /servers/server-3": (1, 503, "busy")}
    ephemeral.verify_ephemeral(TRIAL, str)
    small.refusals = {"GET /servers/server-6": (1, 401, "who?")}
    with pytest.raises(SDKException, match="who"):
        ephemeral.verify_ephemeral(TRIAL, str)


def test_make_verify(seen: Seen) -> None:
    held = codec.dump(Evidence(REVIEW.machine, 1, [ED25519], 1, [], "yesterday"))
    commands = {
        REVIEW.machine: ("openstack.verify-server", REVIEW),
        "test-33333333-abcd": ("openstack.verify-ephemeral", TRIAL),
    }
    resources = [
        {
            "urn": f"x::verification-{machine}",
            "type": "command:local:Command",
            "inputs": {"create": create, "stdin": codec.dump(request)},
            "outputs": {"stdout": held},
        }
        for machine, (create, request) in commands.items()
    ]
    verified, removed = OpenStackOperator(Stack("dev", {"resources": resources})).verify()
    assert (verified.machine, verified.note) == (REVIEW.machine, "")
    assert removed.note == "was a test server and is removed; a new release gets another"
    ((_, pinned, *_),) = seen
    assert pinned == [ED25519]
