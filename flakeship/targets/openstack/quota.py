"""Preflight: the quota has to allow all that a run creates beside what exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import NetworkSettings

SERVERS = (
    "run with fewer or smaller servers, or a smaller flakeship:standbyReleases, first: older "
    "machines stay until the new ones are verified"
)
NETWORKS = "use an existing network: flakeship:openstack.network"
GROUPS = "give more servers the same ports and sources: those share a group"

REMEDIES: Mapping[str, str] = {
    "instances": SERVERS,
    "cores": SERVERS,
    "ram": SERVERS,
    "ports": SERVERS,
    "server_groups": "leave out flakeship:openstack.placement, which needs one",
    "networks": NETWORKS,
    "subnets": NETWORKS,
    "routers": NETWORKS,
    "floatingips": (
        "use address: none, or existing floating IPs; the verification of a server without one "
        "uses a temporary one, except with flakeship:openstack.access: direct"
    ),
    "security_groups": GROUPS,
    "security_group_rules": GROUPS,
}
"""The remedy for each resource that runs out, by the names of Inventory.left."""


def needs(
    flavors: Sequence[Flavor],
    *,
    groups: Mapping[str, int] | None = None,
    network: NetworkSettings | None = None,
    addresses: int = 0,
    temporary: int = 0,
    server_groups: int = 0,
) -> dict[str, int]:
    """What the new objects of a run use of the quota at its peak.

    `flavors` has one entry for each new server, test servers too; `groups` the new security groups
    by name, with the number of their rules; `network` is the stack's own, where it is new.
    `addresses` are new floating IPs that stay, `temporary` those that verifications use at one
    time. What the run removes still counts: it is removed once the new servers are verified.
    """
    found = Counter(
        instances=len(flavors),
        cores=sum(flavor.vcpus for flavor in flavors),
        ram=sum(flavor.memory for flavor in flavors),
        ports=len(flavors),
        floatingips=addresses + temporary,
        server_groups=server_groups,
    )
    for rules in (groups or {}).values():
        # Neutron adds two rules of its own to a group: all outgoing traffic, IPv4 and IPv6
        found.update(security_groups=1, security_group_rules=rules + 2)
    if network:
        subnets = 2 if network.ipv6 else 1
        # a port for the router in each subnet, and one for DHCP and metadata
        found.update(networks=1, subnets=subnets, routers=1, ports=subnets + 1)
    return {name: number for name, number in found.items() if number}


def check(needed: Mapping[str, int], inventory: Inventory) -> None:
    """Refuse a run that would fail half-way at the quota.

    `needed` is by the names of Inventory.left. Raises FlakeshipError (quota-exceeded) with a line
    for each resource of which there is not enough, and the remedies.
    """
    left = inventory.left
    short = [name for name in needed if needed[name] > left.get(name, needed[name])]
    if not short:
        return
    remedies = dict.fromkeys(REMEDIES[name] for name in short if name in REMEDIES)
    raise FlakeshipError(
        "its quota is too small for what this run creates beside what exists",
        code="quota-exceeded",
        key=f"project {inventory.project_name}",
        remedy="; or ".join([*remedies, "ask the cloud for a larger quota"])
        + " (`openstack quota show` shows it)",
        details=[f"  {amount(name, needed[name])} needed, {left[name]} left" for name in short],
    )


def amount(name: str, number: int) -> str:
    """A resource and how many of it."""
    return f"{name}: {number}{' MiB' if name == 'ram' else ''}"
