"""A silent server: the message names what stands in its way."""

from __future__ import annotations

from typing import Any

import pytest

from flakeship.targets.openstack.servers import obstacles
from tests.targets.openstack.unit.fake_cloud import Cloud, group
from tests.targets.openstack.unit.samples import REQUEST

OUT = {"direction": "egress", "ethertype": "IPv4"}
SSH = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
       "port_range_min": 22, "port_range_max": 22}  # fmt: skip
WIDE = {"direction": "ingress", "ethertype": "IPv4"}
HTTP = {**SSH, "port_range_min": 80, "port_range_max": 80}


def lines(cloud: Cloud) -> str:
    return "\n".join(obstacles.find(cloud.compute, cloud.network, REQUEST))


def test_where_nothing_is_wrong_nothing_is_said(memory: Cloud) -> None:
    assert lines(memory) == ""


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ([OUT, SSH], ""),
        ([OUT, WIDE], ""),
        ([OUT, HTTP], "lets nobody in to tcp 22"),
        ([OUT], "lets nobody in to tcp 22"),
        ([SSH], "lets no IPv4 out"),
        ([SSH, {**OUT, "ethertype": "IPv6"}], "lets no IPv4 out"),
    ],
)
def test_a_group_is_named_with_what_it_lacks(
    memory: Cloud, rules: list[dict[str, Any]], word: str
) -> None:
    memory.only("security_groups", group(*rules))
    said = lines(memory)
    assert word in said
    assert bool(said) == bool(word)
    if word:
        assert "dev-0123abcd (group-1)" in said
        assert "openstack --os-cloud fake security group rule list group-1" in said


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"status": "DOWN"}, "port-1 is DOWN"),
        ({"admin_state_up": False}, "port set --enable port-1"),
        ({"device_id": ""}, "port-1 is plugged in nowhere"),
        ({"device_id": "other"}, "port-1 is of the server other"),
        ({"security_groups": []}, "no security group"),
        ({"security_groups": [], "port_security_enabled": False}, ""),
    ],
)
def test_a_port_is_named_with_its_state(memory: Cloud, change: dict[str, Any], word: str) -> None:
    memory.things["ports"]["port-1"].update(change)
    said = lines(memory)
    assert word in said
    assert bool(said) == bool(word)


def test_what_is_gone_is_told(memory: Cloud) -> None:
    memory.only("ports")
    memory.only("servers")
    said = lines(memory)
    assert "port port-1 no longer exists" in said
    assert "no server server-1" in said


def test_an_address_whose_router_is_down(memory: Cloud) -> None:
    memory.floating(port_id="port-1", status="DOWN")
    assert "203.0.113.2 is DOWN" in lines(memory)


def test_a_busy_cloud_is_told_and_hides_nothing_else(memory: Cloud) -> None:
    memory.refuse("/ports/", 500, "oops")
    memory.things["servers"]["server-1"]["status"] = "SHUTOFF"
    assert "It is SHUTOFF" in lines(memory)
    assert "oops" in lines(memory)
