"""What a cloud's lists have, as values of the inventory."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.images.properties import BOOT, HARDWARE
from flakeship.targets.openstack.inventory import Address, Flavor, GroupRule, Image, Network, Server
from flakeship.targets.openstack.resources import MACHINE, tags_in

GIGABYTE = 1024  # MiB in one of Nova's and Glance's gigabytes
STEADY = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "VERIFY_RESIZE", "RESCUE"})
"""The states of a server that has had a port: one that is being made, or moved, may show none."""

COMPUTE_LIMITS = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
    "server_groups": ("maxServerGroups", "totalServerGroupsUsed"),
}
VOLUME_QUOTAS = {"volumes": "volumes", "gigabytes": "gigabytes"}
LARGEST = "per_volume_gigabytes"  # Cinder's quota of a single volume
NETWORK_QUOTAS = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floatingips": "floatingip",
    "security_groups": "security_group",
    "security_group_rules": "security_group_rule",
}


def flavor(found: Mapping[str, Any]) -> Flavor:
    """An entry of Nova's list."""
    return Flavor(
        id=found["id"],
        name=found["name"],
        vcpus=found["vcpus"],
        memory=found["ram"],
        disk=found["disk"] * GIGABYTE,
        ephemeral=found.get("OS-FLV-EXT-DATA:ephemeral", 0) * GIGABYTE,
        extra_specs=found.get("extra_specs") or {},
    )


def image(found: Mapping[str, Any], members: Mapping[str, str] | None = None) -> Image:
    """An entry of Glance's list, and the projects that it is shared with."""
    return Image(
        found["id"],
        found.get("name") or "",
        found["status"],
        found.get("visibility", ""),
        found.get("os_hidden"),
        sha512=str(found.get("os_hash_value") or "")
        if found.get("os_hash_algo") == "sha512"
        else "",
        owner=found.get("owner") or "",
        members=members,
        properties={
            name: str(found[name])
            for name in sorted(BOOT | HARDWARE)
            if found.get(name) not in (None, "")
        },
    )


def server(found: Mapping[str, Any]) -> Server:
    """An entry of Nova's list."""
    return Server(
        id=found["id"],
        name=found["name"],
        status=found["status"],
        image=(found.get("image") or {}).get("id", ""),  # an empty text: it boots from a volume
        flavor=found["flavor"].get("original_name", ""),
        project=found.get("tenant_id", ""),
        stack=Owner.read(found.get("metadata", {})).stack,
        marked=found.get("metadata", {}).get(MACHINE, ""),
        addresses=_addresses(found) if found["status"] in STEADY else None,
    )


def _addresses(found: Mapping[str, Any]) -> frozenset[str] | None:
    if "addresses" not in found:
        return None
    return frozenset(
        each["addr"] for each_network in found["addresses"].values() for each in each_network
    )


def network(found: Mapping[str, Any]) -> Network:
    """An entry of Neutron's list."""
    return Network(
        id=found["id"],
        name=found["name"],
        external=bool(found.get("router:external")),
        subnets=bool(found.get("subnets")),
        port_security=found.get("port_security_enabled") is not False,
    )


def address(found: Mapping[str, Any]) -> Address:
    """An entry of Neutron's list of floating IPs."""
    # a cloud without the tags extension has none
    owner = Owner.read(tags_in(found.get("tags") or []))
    return Address(
        address=found["floating_ip_address"],
        port=found.get("port_id") or "",
        stack=owner.stack,
        name=owner.name,
    )


def compute_left(limits: Mapping[str, Any]) -> dict[str, int]:
    """What Nova's limits leave."""
    found = limits["limits"]["absolute"]
    return {
        name: max(0, found[limit] - found[used])
        for name, (limit, used) in COMPUTE_LIMITS.items()
        if found.get(limit, -1) >= 0 and used in found
    }


def network_left(quota: Mapping[str, Any]) -> dict[str, int]:
    """What Neutron's quotas leave."""
    return _left(quota, NETWORK_QUOTAS, "used")


def volume_left(quota: Mapping[str, Any]) -> dict[str, int]:
    """What Cinder's quotas leave, and the largest volume that there may be."""
    found = _left(quota, VOLUME_QUOTAS, "in_use")
    largest = quota.get(LARGEST, {}).get("limit", -1)
    return found | ({LARGEST: largest} if largest >= 0 else {})


def _left(quota: Mapping[str, Any], kinds: Mapping[str, str], used: str) -> dict[str, int]:
    """What is left of each limited kind by the name of its quota; `used` is the service's word."""
    return {
        name: max(0, quota[kind]["limit"] - quota[kind][used] - quota[kind]["reserved"])
        for name, kind in kinds.items()
        if kind in quota and quota[kind]["limit"] >= 0
    }


def groups(found: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[GroupRule]] | None:
    """The rules of each security group by its name; of several of one name those of all.

    None where a cloud does not list them.
    """
    if any("security_group_rules" not in each for each in found):
        return None
    rules: dict[str, set[GroupRule]] = defaultdict(set)
    for each in found:
        rules[each["name"]] |= {_rule(rule) for rule in each["security_group_rules"]}
    return {name: frozenset(each) for name, each in rules.items()}


def _rule(found: Mapping[str, Any]) -> GroupRule:
    ethertype, source = found["ethertype"], found.get("remote_ip_prefix") or ""
    if not source and not found.get("remote_group_id"):
        source = "::/0" if ethertype == "IPv6" else "0.0.0.0/0"
    return (
        found["direction"],
        ethertype,
        found.get("protocol") or "",
        found.get("port_range_min") or 0,
        found.get("port_range_max") or 0,
        source_of(source) if source else f"group {found['remote_group_id']}",
    )


def source_of(text: str) -> str:
    """A network as all write it: Neutron repeats some as they were given."""
    return str(ipaddress.ip_network(text, strict=False))
