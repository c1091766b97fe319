"""What an operator offers the projects: flavors and networks; and whether the workers report."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from openstack.connection import Connection
from openstack.network.v2._proxy import Proxy
from openstack.network.v2.network import Network

from dev.openstack import identity, netns
from dev.openstack.flavors import FLAVORS
from dev.openstack.site import Range, Site

NOVA_WORKERS = {"nova-compute", "nova-scheduler", "nova-conductor"}


def seed(site: Site) -> None:
    """Create all that is missing."""
    cloud = identity.connect(site)
    _flavors(cloud)
    _networks(site, cloud.network)


def _flavors(cloud: Connection) -> None:
    compute = cloud.compute
    known = {flavor.name for flavor in compute.flavors(details=False, is_public=None)}
    for flavor in FLAVORS:
        if flavor.name in known:
            continue
        made = compute.create_flavor(
            name=flavor.name, vcpus=flavor.vcpus, ram=flavor.memory, disk=flavor.disk,
            ephemeral=flavor.ephemeral, is_public=flavor.public,
        )  # fmt: skip
        if flavor.extra:
            compute.create_flavor_extra_specs(made, dict(flavor.extra))
        for project in flavor.projects:
            compute.flavor_add_tenant_access(made, identity.project_id(cloud, project))


def _networks(site: Site, network: Proxy) -> None:
    """`public` for floating IPs alone, and `provider`, on which servers are reached directly."""
    ranges = site.ranges
    public = network.find_network("public") or network.create_network(
        name="public",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="ext",
    )
    _subnet(network, public, "public", ranges["FLAKESHIP_LAB_FLOATING"], is_dhcp_enabled=False)
    provider = network.find_network("provider") or network.create_network(
        name="provider",
        is_shared=True,
        provider_network_type="flat",
        provider_physical_network="provider",
    )
    _subnet(network, provider, "provider", ranges["FLAKESHIP_LAB_PROVIDER"])
    if netns.has_ipv6():
        # Without ipv6_ra_mode the advertisements come from outside of Neutron: from radvd.
        six = ranges["FLAKESHIP_LAB_PROVIDER6"]
        _subnet(network, provider, "provider6", six, ipv6_address_mode="slaac")


def _subnet(
    network: Proxy, parent: Network, name: str, chosen: Range, **options: bool | str
) -> None:
    if network.find_subnet(name):
        return
    pools = {}
    if chosen.version == 4:
        # The lower half is left for addresses that somebody chooses.
        half = chosen.network_address + chosen.num_addresses // 2
        pools["allocation_pools"] = [{"start": str(half), "end": str(chosen[-2])}]
    network.create_subnet(
        name=name,
        network_id=parent.id,
        ip_version=chosen.version,
        cidr=str(chosen),
        gateway_ip=str(chosen[1]),
        **pools,
        **options,
    )


def first_look(site: Site) -> None:
    """List the networks once, alone.

    A new Neutron process loads its policies with its first request: of several at once some are
    answered by rules that are loaded in part, and a list of networks is empty then.
    """
    list(identity.connect(site).network.networks())


def silent_workers(site: Site, since: float) -> set[str]:
    """List the Nova workers that have not reported since a time."""
    cloud = identity.connect(site)
    return NOVA_WORKERS - {
        service.binary
        for service in cloud.compute.services()
        if service.state == "up" and _seconds(service.updated_at) >= since
    }


def _seconds(text: str | None) -> float:
    if not text:
        return 0.0
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()


def now() -> float:
    """The clock as workers write it, to the second."""
    return float(int(time.time()))
