"""Whether the quota allows all that a run creates, beside everything that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import NetworkSettings

SERVERS = (
    "fewer or smaller servers, or a smaller flakeship:rollbackWindow, in a run before this one: "
    "older releases stay running until the new one is verified"
)
NETWORKS = "name a network that is there: flakeship:openstack.network"
GROUPS = "servers with the same ports and sources share a group: fewer kinds of them"

REMEDIES: Mapping[str, str] = {
    "instances": SERVERS,
    "cores": SERVERS,
    "ram": SERVERS,
    "ports": SERVERS,
    "server_groups": "flakeship:openstack.group needs one: leave it out",
    "networks": NETWORKS,
    "subnets": NETWORKS,
    "routers": NETWORKS,
    "floatingips": (
        "servers with address: none, or with a floating IP that is there; checks of a server "
        "without one borrow one for a while, except with flakeship:openstack.reach: direct"
    ),
    "security_groups": GROUPS,
    "security_group_rules": GROUPS,
}
"""What to do about each resource that runs out, by the names of Look.left."""


def needs(
    flavors: Sequence[Flavor],
    *,
    groups: Mapping[str, int] | None = None,
    network: NetworkSettings | None = None,
    addresses: int = 0,
    temporary: int = 0,
    server_groups: int = 0,
) -> dict[str, int]:
    """What the new objects of a run take of the quota at its peak.

    `flavors` has one entry for each new server, test servers too; `groups` the new security groups
    by name, with the number of their rules; `network` is the stack's own, where it is new.
    `addresses` are new floating IPs that stay, `temporary` those that checks hold at one time. What
    the run removes is not taken off: it goes when the new servers are verified.
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
        # Neutron makes a group with two rules of its own: everything may go out, IPv4 and IPv6
        found.update(security_groups=1, security_group_rules=rules + 2)
    if network:
        subnets = 2 if network.ipv6 else 1
        # a port of the router's in each subnet, and one of DHCP and metadata
        found.update(networks=1, subnets=subnets, routers=1, ports=subnets + 1)
    return {name: number for name, number in found.items() if number}


def check(needed: Mapping[str, int], look: Inventory) -> None:
    """Refuse a run that would end half-way at the quota.

    `needed` is by the names of Look.left. Raises FlakeshipError with a line for each resource of
    which there is not enough: how much is needed and left, and what to do.
    """
    short = [name for name in needed if needed[name] > look.left.get(name, needed[name])]
    if not short:
        return
    remedies = dict.fromkeys(REMEDIES[name] for name in short if name in REMEDIES)
    lines = [
        f"the quota of the project {look.project_name} is too small for what this run creates "
        "beside what is there:",
        *(f"  {amount(name, needed[name])} needed, {look.left[name]} left" for name in short),
        *(f"for these: {remedy}" for remedy in remedies),
        "or ask the cloud for a larger quota; `openstack quota show` shows it",
    ]
    raise FlakeshipError("\n".join(lines))


def amount(name: str, number: int) -> str:
    """A resource and how many of it."""
    return f"{name}: {number}{' MiB' if name == 'ram' else ''}"
