"""A server's port, and the floating IPs that lead to it, as Neutron has them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest

if TYPE_CHECKING:
    from openstack.proxy import Proxy


@dataclass(frozen=True)
class Port:
    """A port: `device` is the server's id; `subnet` is the CIDR of the IPv4 address' subnet."""

    id: str
    device: str
    ipv4: str
    subnet: str
    ipv6: tuple[str, ...] = ()


def find(network: Proxy, machine: str, number: str) -> Port:
    """Read a port. Raises FlakeshipError (port-without-ipv4) where it has no IPv4 address."""
    found = rest.call(network, "GET", f"/ports/{number}")["port"]
    fixed = {ipaddress.ip_address(each["ip_address"]): each for each in found["fixed_ips"]}
    first = next((address for address in fixed if address.version == 4), None)
    if first is None:
        raise FlakeshipError(
            f"its port {number} has no IPv4 address",
            code="port-without-ipv4",
            key=machine,
            remedy="its network needs an IPv4 subnet",
        )
    subnet = rest.call(network, "GET", f"/subnets/{fixed[first]['subnet_id']}")["subnet"]
    others = tuple(str(address) for address in fixed if address.version == 6)
    return Port(number, found["device_id"], str(first), subnet["cidr"], others)


def floating(network: Proxy, **query: str) -> list[dict[str, Any]]:
    """The project's floating IPs with these values (`port_id`, `description`, ...)."""
    return rest.list_all(network, "/floatingips", "floatingips", query)
