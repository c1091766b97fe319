"""Verification of a server of Nova's, and of one that is created for it."""

from __future__ import annotations

import copy
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from openstack.exceptions import SDKException

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.rollout.ownership import Owner
from flakeship.state.stack import Stack
from flakeship.targets.openstack.network.access import NovaAccess
from flakeship.targets.openstack.operate import OpenStackOperator
from flakeship.targets.openstack.requests import EphemeralRequest, OwnBastion
from flakeship.targets.openstack.resources import description
from flakeship.targets.openstack.servers import ephemeral, nova, verify_server
from flakeship.verify import port_scan, verify
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.port_scan import Neighbour, Prober
from flakeship.verify.request import Promises, Route, VerifyRequest
from flakeship.verify.verify import VerificationContext
from tests.targets.openstack.unit.conftest import refused
from tests.targets.openstack.unit.fake_cloud import Cloud, Thing, port, server
from tests.targets.openstack.unit.samples import BASTION, OWNER, REQUEST
from tests.unit.verify.machines import ED25519, Shell

Seen = list[tuple[VerifyRequest, list[str], VerificationContext, Route]]
HIDDEN = Route("127.0.0.1", {22: 1022, 80: 1080}, "10.0.2.0/24", own=False)
BEFORE = {"servers": {"server-1"}, "ports": {"port-1"}, "floatingips": set[str]()}


@pytest.fixture
def moment() -> dict[str, dict[str, Thing]]:
    """What the cloud had while the checks ran."""
    return {}


@pytest.fixture
def seen(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch, moment: dict[str, dict[str, Thing]]
) -> Seen:
    """What comes to flakeship.verify."""
    found: Seen = []

    def take(request: VerifyRequest, pinned: list[str], context: VerificationContext) -> Evidence:
        with context.access.open() as route:
            found.append((request, pinned, context, route))
            moment.update(copy.deepcopy(memory.things))
        return Evidence(request.machine, 1, [ED25519], 1, [], "today")

    monkeypatch.setattr(verify, "verify", take)
    return found


@pytest.mark.parametrize("switch", [True, False])
def test_a_host_that_cannot_be_switched_is_not_asked_to(seen: Seen, switch: bool) -> None:
    promises = Promises(nix=switch, switch=switch)
    asked = replace(REQUEST, verify=replace(REQUEST.verify, promises=promises))
    verify_server.verify_server(asked, [])
    ((_, _, context, route),) = seen
    told = [check for check in context.checks if check.name == "reactivation"]
    assert bool(told) != switch
    for check in told:
        detail = check.run(Subject(asked.verify, route, Shell(), Facts))
        assert detail == "not asked: the host's manifest has `switchable: false`"


@pytest.mark.parametrize("own", [True, False])
def test_a_bastion_of_ones_own_is_let_in_where_port_22_is_restricted(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    expected: list[set[int]] = []

    def look(_: object, ports: set[int], __: object) -> set[int]:
        expected.append(ports)
        return {22, 80}

    def take(_: object, peer: Neighbour) -> list[Prober]:
        assert (peer.seconds, peer.up) == ((30, True) if own else (10, False))
        return []

    monkeypatch.setattr(port_scan, "through", take)
    monkeypatch.setattr(port_scan, "scan", look)
    monkeypatch.setattr(NovaAccess, "_through_own_bastion", lambda *_: HIDDEN)
    monkeypatch.setattr(NovaAccess, "_through_bastion", lambda *_: HIDDEN)
    gate = OwnBastion(**vars(BASTION), port=22, identity="") if own else BASTION
    asked = replace(REQUEST, access="bastion", bastion=gate, restricted=[22])
    verify_server.verify_server(asked, [])
    ((_, _, context, route),) = seen
    (scan,) = (check for check in context.checks if check.name == "port-scan")
    subject = Subject(asked.verify, route, Shell(), Facts)
    if own:
        assert scan.run(subject).endswith("seen from web-old")
    else:
        with pytest.raises(Failed, match="tcp 22 is not open to everybody"):
            scan.run(subject)
    assert expected == ([{22, 80}] if own else [])


@pytest.mark.parametrize(("dhcp", "addressing"), [(True, "dhcp"), (False, "static")])
def test_a_lease_is_asked_for_where_the_network_has_some(
    memory: Cloud, seen: Seen, dhcp: bool, addressing: str
) -> None:
    memory.things["subnets"]["subnet-4"]["enable_dhcp"] = dhcp
    verify_server.verify_server(REQUEST, [])
    assert [request.addressing for request, *_ in seen] == [addressing]


def test_a_server_is_verified_by_its_route_with_the_checks_of_a_cloud(
    memory: Cloud, seen: Seen
) -> None:
    memory.things["ports"]["port-1"]["fixed_ips"].append(
        {"ip_address": "fd66::15", "subnet_id": "subnet-6"}
    )
    verify_server.verify_server(REQUEST, [ED25519])
    ((request, pinned, context, route),) = seen
    assert (request, pinned) == (REQUEST.verify, [ED25519])
    assert (route.address, route.subnet) == ("203.0.113.2", "10.0.2.0/24")
    assert [check.name for check in context.checks] == ["api", "port-scan", "ipv6"]
    memory.things["servers"]["server-1"]["status"] = "SHUTOFF"
    assert context.inspect_hint(["ssh"]) == ["ssh", "  It is SHUTOFF in Nova."]
    memory.refuse("GET .*/servers", 500, "oops", times=1)
    assert context.inspect_hint([])[-1] == "  The cloud does not report its state: oops"


@pytest.mark.usefixtures("seen")
def test_a_server_that_nova_could_not_make(memory: Cloud) -> None:
    broken = {"status": "ERROR", "fault": {"message": "No valid host was found. "}}
    memory.things["servers"]["server-1"].update(broken)
    error = refused(lambda: verify_server.verify_server(REQUEST, []))
    assert (error.code, error.key) == ("server-error", REQUEST.machine)
    assert error.what.endswith("No valid host was found")
    assert "`openstack --os-cloud fake server show server-1`" in error.remedy
    assert not memory.asked("POST")


CALLS = [
    "DELETE floatingips/fip-2",
    "GET floatingips",
    "GET ports/port-1",
    "GET servers/server-1",
    "GET subnets/subnet-4",
    "POST floatingips",
]


@pytest.mark.usefixtures("seen")
def test_a_verification_asks_for_nothing_twice(memory: Cloud) -> None:
    verify_server.verify_server(REQUEST, [])
    assert sorted(re.sub(r"/\w+/v[\d.]+/|\?.*", "", call) for call in memory.calls) == CALLS


@pytest.mark.usefixtures("seen")
def test_a_stable_address_is_looked_up_once(memory: Cloud) -> None:
    memory.floating(floating_ip_address="203.0.113.7", port_id="port-1")
    served = replace(REQUEST, stable="203.0.113.7")
    verify_server.verify_existing(served, "", "dev", active=True)
    assert len(memory.asked("floatingips")) == 1


@pytest.mark.usefixtures("seen")
def test_what_is_independent_is_asked_side_by_side(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, together = memory.answer, threading.Barrier(3)

    def answer(method: str, target: str, body: bytes) -> tuple[int, object]:
        if re.search(r"GET .*/(servers/|ports/|floatingips\?)", f"{method} {target}"):
            together.wait(5)  # it breaks where one is made after another
        return usual(method, target, body)

    monkeypatch.setattr(memory, "answer", answer)
    verify_server.verify_server(REQUEST, [])


EPHEMERAL = EphemeralRequest(
    replace(REQUEST, server="", port=""),
    flavor="flavor-1",
    network="private",
    security_groups=["group-1"],
)


def temporary() -> Owner:
    return OWNER.for_verification().of_this_checkout()


def test_a_test_server_exists_while_it_is_verified(
    memory: Cloud, seen: Seen, moment: dict[str, dict[str, Thing]]
) -> None:
    assert ephemeral.verify_ephemeral(EPHEMERAL).machine == REQUEST.machine
    made = moment["servers"][seen[0][2].console.name.split()[-1]]
    assert made["metadata"] == temporary().tags
    assert made["config_drive"] is True
    assert (made["imageRef"], made["flavorRef"]) == ("image-1", "flavor-1")
    assert memory.ids() == BEFORE
    assert seen[0][2].inspect_hint([]) == [ephemeral.REMOVED]


@pytest.mark.parametrize(
    ("refusal", "born"),
    [
        (None, "ERROR"),
        (("POST .*/servers$", 403, "Quota exceeded for instances"), "ACTIVE"),
        (("PUT .*/ports", 500, "oops"), "ACTIVE"),
        (("POST .*/floatingips", 409, "no more addresses"), "ACTIVE"),
    ],
)
@pytest.mark.usefixtures("seen")
def test_a_test_server_that_fails_leaves_nothing(
    memory: Cloud, refusal: tuple[str, int, str] | None, born: str
) -> None:
    memory.born = born
    if refusal:
        memory.refuse(*refusal, times=1)
    with pytest.raises(Exception, match=r"No valid host|Quota|oops|no more addresses"):
        ephemeral.verify_ephemeral(EPHEMERAL)
    assert memory.ids() == BEFORE


@pytest.mark.usefixtures("seen")
def test_what_a_killed_run_left_is_removed_first(
    memory: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "flakeship")
    memory.put("servers", server("server-3", metadata=temporary().tags))
    memory.put("ports", port("port-3", description=description(temporary())))
    ephemeral.verify_ephemeral(EPHEMERAL)
    assert "removing what a killed run left" in caplog.messages[0]
    assert memory.ids() == BEFORE


@pytest.mark.usefixtures("seen")
def test_a_test_server_of_another_checkout_goes_on(
    memory: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = temporary()
    memory.things["servers"]["server-1"]["metadata"] = theirs.tags
    memory.things["ports"]["port-1"]["description"] = description(theirs)
    monkeypatch.chdir(tmp_path)
    assert temporary() != theirs
    ephemeral.verify_ephemeral(EPHEMERAL)
    assert memory.ids() == BEFORE


@pytest.mark.usefixtures("seen")
def test_a_busy_nova_does_not_end_a_verification(memory: Cloud) -> None:
    memory.refuse("GET .*/servers/server-3", 503, "busy", times=1)
    ephemeral.verify_ephemeral(EPHEMERAL)
    memory.refuse("GET .*/servers/server-6", 401, "who?", times=2)
    with pytest.raises(SDKException, match="who"):
        ephemeral.verify_ephemeral(EPHEMERAL)


@pytest.mark.usefixtures("memory")
def test_an_existing_stack_is_verified_again(seen: Seen) -> None:
    held = codec.plain(Evidence(REQUEST.machine, 1, [ED25519], 1, [], "yesterday"))
    verifications: dict[str, tuple[str, object]] = {
        REQUEST.machine: ("Verification", REQUEST),
        "test-33333333-abcd": ("EphemeralVerification", EPHEMERAL),
    }
    resources = [
        {
            "urn": f"x::{machine}",
            "type": f"flakeship:openstack:{kind}",
            "inputs": codec.plain(request),
            "outputs": {"result": held},
        }
        for machine, (kind, request) in verifications.items()
    ]
    verified, removed = OpenStackOperator(Stack("dev", {"resources": resources})).verify()
    assert (verified.machine, verified.note) == (REQUEST.machine, "")
    assert removed.note == "was a test server and is removed; a new release gets another"
    ((_, pinned, *_),) = seen
    assert pinned == [ED25519]


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("repair", "starts"), [(1, True), (0, False)])
def test_a_stopped_server_is_started_only_where_a_run_repairs_it(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch, *, repair: int, starts: bool
) -> None:
    memory.things["servers"]["server-1"]["status"] = "SHUTOFF"
    monkeypatch.setattr(nova, "STARTING", 0.1)
    verify_server.verify_server(replace(REQUEST, repair=repair), [])
    assert bool(memory.asked("POST .*/servers/server-1/action")) == starts
