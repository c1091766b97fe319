"""No unverified cutover: beside what the components declare (tests/conformance/test_policies.py),
what a program of a user's own adds."""

from __future__ import annotations

import pytest

from policy.rules import Resource
from policy.unverified_cutovers import LEADS, RULE

OURS = "urn:pulumi:test::flakeship::flakeship:openstack:Server"
WEB, DB = f"{OURS}::web-1", f"{OURS}::db-1"


def server(urn: str) -> list[Resource]:
    """A server of Flakeship: the component, its port and its verification."""
    name = urn.rpartition("::")[2]
    port = f"{OURS}$openstack:networking/port:Port::port-{name}"
    verification = f"{OURS}$flakeship:openstack:Verification::{name}"
    return [
        Resource(urn, "flakeship:openstack:Server", {}),
        Resource(port, "openstack:networking/port:Port", {}, parent=urn),
        Resource(
            verification,
            "flakeship:openstack:Verification",
            {},
            parent=urn,
            needs=frozenset({port}),
        ),
    ]


STACK = [*server(WEB), *server(DB)]
PORT, VERIFICATION, OTHER = STACK[1].urn, STACK[2].urn, STACK[5].urn


def leading(kind: str, *needs: str) -> list[str]:
    """The violations where a resource of a type depends on these."""
    urn = f"urn:pulumi:test::flakeship::{kind}::extra"
    added = Resource(urn, kind, {}, needs=frozenset(needs))
    return [said for resource, said in RULE.check([*STACK, added], {}) if resource == added]


@pytest.mark.parametrize("kind", sorted(LEADS))
def test_what_leads_to_a_server_waits_for_its_verification(kind: str) -> None:
    assert leading(kind, PORT, VERIFICATION) == []
    (said,) = leading(kind, PORT)
    assert "verification of web-1" in said
    # another server's proves nothing of this one
    (said,) = leading(kind, PORT, OTHER)
    assert "verification of web-1" in said


def test_a_verification_may_be_waited_for_through_others() -> None:
    between = f"{OURS}::between"
    added = Resource(between, "command:local:Command", {}, needs=frozenset({VERIFICATION}))
    kind = "openstack:networking/floatingIpAssociate:FloatingIpAssociate"
    last = Resource(f"{OURS}::extra", kind, {}, needs=frozenset({PORT, between}))
    assert [*RULE.check([*STACK, added, last], {})] == []


def test_a_cutover_of_a_target_needs_a_verification() -> None:
    assert len(leading("flakeship:local:Cutover")) == 1
    assert leading("flakeship:local:Cutover", VERIFICATION) == []


def test_what_leads_to_machines_of_a_users_own_passes() -> None:
    for kind in LEADS:
        assert leading(kind) == []
        assert (
            leading(kind, "urn:pulumi:test::flakeship::openstack:networking/port:Port::own") == []
        )


def test_what_depends_on_a_server_and_leads_nowhere_passes() -> None:
    assert leading("openstack:blockstorage/volume:Volume", PORT) == []
