"""No public admin ports."""

from __future__ import annotations

from typing import Any

import pytest

from policy.admin_ports import RULE
from policy.port_ranges import is_public, parse
from policy.rules import UNKNOWN, Resource
from tests.policy.declared import UNKNOWN_TYPE, resource, told

SSH: dict[str, Any] = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "portRangeMax": 22.0,
    "portRangeMin": 22.0,
    "protocol": "tcp",
    "remoteIpPrefix": "0.0.0.0/0",
    "securityGroupId": UNKNOWN,
}
"""What the target openstack declares for a server without `allowFrom`."""

FIREWALL = {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "22"}


def rule(**changed: Any) -> Resource:
    """A rule of a security group; an input that is None is not given."""
    given: dict[str, Any] = {
        key: value for key, value in {**SSH, **changed}.items() if value is not None
    }
    return resource("openstack:networking/secGroupRule:SecGroupRule", **given)


def firewall(**changed: Any) -> Resource:
    """One rule of a firewall of Proxmox VE."""
    rules = [{**FIREWALL, **changed}]
    return resource("proxmoxve:firewall/rulesLegacy:RulesLegacy", rules=rules)


@pytest.mark.parametrize(
    "opened",
    [
        rule(),
        rule(remoteIpPrefix="::/0", ethertype="IPv6"),
        rule(remoteIpPrefix="2000::/3", ethertype="IPv6"),
        rule(remoteIpPrefix="0.0.0.0/1"),
        rule(remoteIpPrefix=None),
        rule(remoteIpPrefix=""),
        rule(portRangeMin=20.0, portRangeMax=25.0),
        rule(portRangeMin=1.0, portRangeMax=65535.0),
        rule(portRangeMin=None, portRangeMax=None),
        rule(portRangeMin=0.0, portRangeMax=0.0),
        rule(protocol=None, portRangeMin=None, portRangeMax=None),
        rule(protocol="any", portRangeMin=None, portRangeMax=None),
        rule(protocol="6"),
        rule(protocol="udp", portRangeMin=3389.0, portRangeMax=3389.0),
        firewall(),
        firewall(dport="80,22"),
        firewall(dport="20:30"),
        firewall(dport=None, proto=None),
        firewall(dport=None, proto=None, macro="SSH"),
        firewall(source="0.0.0.0/0"),
        firewall(source="192.0.2.1,0.0.0.0/0"),
    ],
)
def test_an_open_admin_port_is_told(opened: Resource) -> None:
    (said,) = told(RULE, opened)
    assert said.startswith("extra opens ")


@pytest.mark.parametrize(
    "fine",
    [
        rule(portRangeMin=443.0, portRangeMax=443.0),
        rule(portRangeMin=80.0, portRangeMax=80.0, remoteIpPrefix="::/0"),
        rule(remoteIpPrefix="198.51.100.0/24"),
        rule(remoteIpPrefix="10.0.0.0/8"),
        rule(remoteIpPrefix="fc00::/7"),
        rule(remoteIpPrefix=None, remoteGroupId="b0a7"),
        rule(remoteIpPrefix=None, remoteGroupId=UNKNOWN),
        rule(remoteIpPrefix=UNKNOWN),
        rule(direction="egress", remoteIpPrefix=None, portRangeMin=None, portRangeMax=None),
        rule(protocol="icmp", portRangeMin=None, portRangeMax=None),
        firewall(dport="443"),
        firewall(dport=None, macro="HTTPS"),
        firewall(dport=UNKNOWN),
        firewall(source="192.0.2.0/24"),
        firewall(source="+management"),
        firewall(source=UNKNOWN),
        firewall(type="out"),
        firewall(action="DROP"),
        firewall(enabled=False),
        firewall(proto="icmp"),
        resource(UNKNOWN_TYPE, **SSH),
    ],
)
def test_what_is_not_public_or_no_admin_port_passes(fine: Resource) -> None:
    assert told(RULE, fine) == []


def test_a_violation_names_ports_source_and_where_they_are_set() -> None:
    (said,) = told(RULE, rule(portRangeMin=5432.0, portRangeMax=6000.0))
    assert "5432, 5900-5999, 5985-5986 to 0.0.0.0/0" in said
    assert "remoteIpPrefix" in said
    ours = "flakeship:openstack:SecurityGroup"
    kind = "openstack:networking/secGroupRule:SecGroupRule"
    (own,) = told(RULE, resource(kind, within=ours, name="rule-b7850043-22-::/0", **SSH))
    assert own.startswith("rule-b7850043-22-::/0 opens 22 ")
    assert "flakeship:servers[].ports: { port: 22, allowFrom:" in own


def test_the_ports_are_a_setting() -> None:
    assert told(RULE, rule(), ports=["3389"]) == []
    (said,) = told(RULE, rule(portRangeMin=8080.0, portRangeMax=8080.0), ports=["8000-9000"])
    assert "8000-9000" in said


@pytest.mark.parametrize("text", ["", "ssh", "22-", "-22", "1:2:3", "22;80", "222222"])
def test_what_is_no_range_has_no_ports(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize("text", ["", "management", "300.0.0.0/0", "::/129", "0.0.0.0/-1"])
def test_what_is_no_network_is_not_public(text: str) -> None:
    assert not is_public(text)
