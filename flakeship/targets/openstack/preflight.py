"""Refusals before anything changes: another project, a role that may only read, the quota."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.listed import GIGABYTE, LARGEST
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network import floating_ips
from flakeship.targets.openstack.settings import NetworkSettings

SERVERS = (
    "run with fewer or smaller servers, or a smaller flakeship:standbyReleases, first: older "
    "machines stay until the new ones are verified"
)
VOLUMES = "leave out volume: true, with a flavor that has a root disk, or set a smaller disk"
NETWORKS = "use an existing network: flakeship:openstack.network"
GROUPS = "give more servers the same ports and sources: those share a group"
REMEDIES: Mapping[str, str] = {
    **dict.fromkeys(("instances", "cores", "ram", "ports"), SERVERS),
    "server_groups": "leave out flakeship:openstack.placement, which needs one",
    **dict.fromkeys(("volumes", "gigabytes", LARGEST), VOLUMES),
    **dict.fromkeys(("networks", "subnets", "routers"), NETWORKS),
    "floatingips": (
        "use address: none, or existing floating IPs; the verification of a server without one "
        "uses a temporary one, except with flakeship:openstack.access: direct, and with a bastion "
        "of your own"
    ),
    **dict.fromkeys(("security_groups", "security_group_rules"), GROUPS),
}
"""The remedy for each resource that runs out, by the names of Inventory.left."""


def check_access(before: str, inventory: Inventory) -> None:
    """Refuse a project other than that `before`, which may be empty, and a role that only reads."""
    if before and before != inventory.project:
        raise FlakeshipError(
            f"this stack is in the project {before}, and these credentials are for "
            f"{inventory.project_name} ({inventory.project})",
            code="project-mismatch",
            remedy="choose the right cloud by OS_CLOUD or flakeship:openstack.cloud, or make "
            "another stack for this one (pulumi stack init)",
        )
    if set(inventory.roles) == {"reader"}:
        raise FlakeshipError(
            "its roles may change nothing",
            code="role-missing",
            key=f"project {inventory.project_name}",
            given="reader",
            remedy="ask for the role member (docs/reference/least-privilege.md)",
        )


def check_quota(context: PlanningContext, new: Sequence[Machine]) -> dict[str, int]:
    """Refuse a run that would fail half-way at the quota; it creates the `new` machines.

    Returns what these need of it, as `needs` does.
    """
    options, inventory = context.settings.options, context.inventory
    running = [machine for machines in context.deployed.values() for machine in machines]
    groups = {machine.security_group for machine in running}
    own_network = options.network.named(context.stack)
    has_network = any(network.name == own_network for network in inventory.networks)
    through_active = options.access == "bastion" and context.bastions
    temporary = options.needs_temporary_addresses and not through_active
    placed = {m.release.name for m in new} - {m.release.name for m in running}
    needed = needs(
        [machine.flavor for machine in new],
        groups={
            m.security_group: len(m.rules)
            for m in new
            if m.security_group not in groups and m.port_security
        },
        network=None if options.network.name or has_network or not new else options.network,
        addresses=floating_ips.missing(context.settings.instances, inventory, context.stack),
        temporary=min(len(new), options.boot_concurrency) if temporary else 0,
        server_groups=len(placed) if options.placement else 0,
        volumes=[ceil(m.disk / GIGABYTE) for m in new if m.server.options.volume],
    )
    check_needs(needed, inventory)
    return needed


def needs(
    flavors: Sequence[Flavor],
    *,
    groups: Mapping[str, int] | None = None,
    network: NetworkSettings | None = None,
    addresses: int = 0,
    temporary: int = 0,
    server_groups: int = 0,
    volumes: Sequence[int] = (),
) -> dict[str, int]:
    """What the new objects of a run use of the quota at its peak, by the names of Inventory.left.

    `flavors` has one for each new server, `groups` the number of rules of each new security group;
    `network` is the stack's own, where it is new. `addresses` are new floating IPs that stay,
    `temporary` those that verifications use at one time; `volumes` the sizes in GiB of new root
    disks that are volumes. What the run removes still counts: it is
    removed once the new servers are verified.
    """
    found = Counter(
        instances=len(flavors),
        cores=sum(flavor.vcpus for flavor in flavors),
        ram=sum(flavor.memory for flavor in flavors),
        ports=len(flavors),
        floatingips=addresses + temporary,
        server_groups=server_groups,
        volumes=len(volumes),
        gigabytes=sum(volumes),
    )
    found[LARGEST] = max(volumes, default=0)
    for rules in (groups or {}).values():
        # two more let everything out, IPv4 and IPv6
        found.update(security_groups=1, security_group_rules=rules + 2)
    if network:
        subnets = 2 if network.ipv6 else 1
        # a port for the router in each subnet, and one for DHCP and metadata
        found.update(networks=1, subnets=subnets, routers=1, ports=subnets + 1)
    return {name: number for name, number in found.items() if number}


def check_needs(needed: Mapping[str, int], inventory: Inventory) -> None:
    """Raise FlakeshipError (quota-exceeded) with a line for each resource that is short."""
    left = inventory.left
    short = [name for name in needed if needed[name] > left.get(name, needed[name])]
    if not short:
        return
    remedies = dict.fromkeys(REMEDIES[name] for name in short if name in REMEDIES)
    units = {"ram": " MiB", "gigabytes": " GiB", LARGEST: " GiB"}
    raise FlakeshipError(
        "its quota is too small for what this run creates beside what exists",
        code="quota-exceeded",
        key=f"project {inventory.project_name}",
        remedy="; or ".join([*remedies, "ask the cloud for a larger quota"])
        + " (`openstack quota show` shows it)",
        details=[
            f"  {name}: {needed[name]}{units.get(name, '')} needed, {left[name]} left"
            for name in short
        ],
    )
