"""No public admin ports: logins, desktops, databases and APIs of clusters are not for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .port_ranges import EVERY, LAST, Range, common, is_public, parse
from .rules import UNKNOWN, Config, Resource, Rule, items, mapping

PORTS = [
    "22",  # SSH
    "23",  # Telnet
    "2375-2376",  # Docker
    "2379-2380",  # etcd
    "3306",  # MySQL
    "3389",  # RDP
    "5432",  # PostgreSQL
    "5900-5999",  # VNC
    "5985-5986",  # WinRM
    "6379",  # Redis
    "6443",  # Kubernetes
    "8006",  # Proxmox VE
    "9200",  # Elasticsearch
    "10250",  # kubelet
    "11211",  # Memcached
    "16509",  # libvirt
    "27017",  # MongoDB
]
SECURITY_GROUP_RULE = "openstack:networking/secGroupRule:SecGroupRule"
FIREWALLS = {
    "proxmoxve:firewall/rulesLegacy:RulesLegacy",
    "proxmoxve:cluster/firewall/security/groupLegacy:GroupLegacy",
}
# what Proxmox VE calls them
MACROS = {
    "SSH": "22",
    "Telnet": "23",
    "MySQL": "3306",
    "RDP": "3389",
    "PostgreSQL": "5432",
    "VNC": "5900-5999",
    "MongoDB": "27017",
}
TRANSPORTS = {"tcp", "udp", "6", "17"}
EVERYWHERE = "0.0.0.0/0 and ::/0"


def check(resource: Resource, config: Config) -> Iterator[str]:
    """Tell each rule of a firewall that opens an admin port to the Internet."""
    ports = [str(each) for each in items(config.get("ports", PORTS))]
    for source, opened in _openings(resource):
        if found := common(opened, ports):
            yield (
                f"{resource.name} opens {', '.join(found)} to {source}. Name the networks that "
                f"need it, by {_by(resource, found[0])}."
            )


def _by(resource: Resource, port: str) -> str:
    """Where a program, or the settings of Flakeship, name the networks."""
    if "flakeship:openstack:SecurityGroup$" in resource.urn:
        return f"flakeship:servers[].ports: {{ port: {port}, allowFrom: [198.51.100.0/24] }}"
    if resource.type == SECURITY_GROUP_RULE:
        return "remoteIpPrefix or remoteGroupId"
    return "the source of the rule"


def _openings(resource: Resource) -> Iterator[tuple[str, list[Range]]]:
    """What a resource opens to the Internet: the source, and the ports."""
    if resource.type == SECURITY_GROUP_RULE:
        yield from _of_security_group(resource.props)
    elif resource.type in FIREWALLS:
        for each in items(resource.props.get("rules")):
            yield from _of_firewall(mapping(each))


def _of_security_group(rule: Mapping[str, Any]) -> Iterator[tuple[str, list[Range]]]:
    protocol = _text(rule.get("protocol"))
    if rule.get("direction") != "ingress" or (protocol or "any") not in TRANSPORTS | {"any", "0"}:
        return
    source = rule.get("remoteIpPrefix") or None
    if source is None and not (rule.get("remoteGroupId") or rule.get("remoteAddressGroupId")):
        source = EVERYWHERE
    if isinstance(source, str) and (source == EVERYWHERE or is_public(source)):
        first, last = _port(rule.get("portRangeMin"), 0), _port(rule.get("portRangeMax"), LAST)
        # without a protocol, or with zeros, Neutron opens every port
        limited = protocol in TRANSPORTS and (first, last) != (0, 0)
        yield source, [Range(first, last) if limited else EVERY]


def _of_firewall(rule: Mapping[str, Any]) -> Iterator[tuple[str, list[Range]]]:
    protocol = _text(rule.get("proto"))
    if rule.get("type") != "in" or rule.get("action") != "ACCEPT" or rule.get("enabled") is False:
        return
    if protocol and protocol not in TRANSPORTS:
        return
    source = rule.get("source") or EVERYWHERE
    if isinstance(source, str) and (source == EVERYWHERE or any(map(is_public, source.split(",")))):
        opened = rule.get("dport") or MACROS.get(str(rule.get("macro")), rule.get("macro"))
        if opened is not UNKNOWN:
            yield source, [EVERY] if opened is None else parse(str(opened))


def _text(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""


def _port(value: object, default: int) -> int:
    """A number of a schema, which is a float; one that is missing or not known is `default`."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= LAST else default


RULE = Rule(
    "no-public-admin-ports",
    "Admin ports are not open to the Internet.",
    check,
    {
        "ports": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$"},
            "default": PORTS,
        }
    },
)
