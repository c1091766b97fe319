"""What others have in a stack's network is told before it blocks a destroy, with its removal."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship.targets.openstack.blocking import find
from tests.targets.openstack.unit.test_owned_resources import WORDS, named, port

NETWORK, ROUTER = "id-of-dev-12ab", "id-of-router"


def lists(*ports: dict[str, Any], **more: list[dict[str, Any]]) -> dict[str, list[Any]]:
    empty: dict[str, list[Any]] = {
        key: [] for key in ("servers", "floatingips", "subnets", "security_groups", "server_groups")
    }
    own = {
        "networks": [named("dev-12ab", tags=WORDS)],
        "routers": [{**named("router", tags=WORDS)}],
    }
    return {**empty, "images": [], "flavors": [], **own, "ports": [*ports], **more}


def foreign(owner: str = "", device: str = "", **more: Any) -> dict[str, Any]:
    return {
        **port("foreign"), "network_id": NETWORK, "device_owner": owner, "device_id": device,
        "tags": [], "description": "", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (foreign(), ["port delete id-of-foreign"]),
        (foreign("compute:nova", "s1"), ["server remove port s1 id-of-foreign"]),
        (foreign("Octavia", "lb-77"), ["loadbalancer delete --cascade 77"]),
        (foreign("network:router_interface", "r2"), ["router remove port r2 id-of-foreign"]),
        (foreign("network:router_interface", ROUTER), []),
        (foreign("network:dhcp", "agent"), []),
        (foreign("network:distributed", "ovnmeta-1"), []),
        (foreign(tags=WORDS), []),
        (foreign(network_id="elsewhere"), []),
        (
            foreign("network:router_interface", ROUTER, network_id="elsewhere"),
            [f"router remove port {ROUTER} id-of-foreign"],
        ),
    ],
)
def test_what_blocks(found: dict[str, Any], commands: list[str]) -> None:
    assert [each.command for each in find("dev", lists(found), set())] == commands


def test_what_the_state_holds_does_not() -> None:
    assert find("dev", lists(foreign()), {"id-of-foreign"}) == []


def test_a_floating_ip_goes_first() -> None:
    address = {
        "id": "f1", "port_id": "id-of-foreign", "floating_ip_address": "203.0.113.9", "tags": [],
        "description": "",
    }  # fmt: skip
    found = find("dev", lists(foreign(), floatingips=[address]), set())
    assert [each.command for each in found] == [
        "floating ip unset --port f1", "port delete id-of-foreign",
    ]  # fmt: skip
    assert "203.0.113.9" in found[0].what
