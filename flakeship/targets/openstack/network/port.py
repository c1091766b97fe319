"""A server's port, and the floating IPs that lead to it, one for a verification among them."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openstack.exceptions import HttpException

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import temporary
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.resources import description, words

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

FloatingIp = dict[str, Any]


@dataclass(frozen=True)
class Port:
    """A port: `device` is the server's id; `subnet` is the CIDR of the IPv4 address' subnet.

    `dhcp`: it is given out there; else only cloud-init can tell the server its address.
    """

    id: str
    device: str
    ipv4: str
    subnet: str
    ipv6: tuple[str, ...] = ()
    dhcp: bool = True


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
    dhcp = subnet.get("enable_dhcp") is not False
    return Port(number, found["device_id"], str(first), subnet["cidr"], others, dhcp)


def floating(network: Proxy, **query: str) -> list[FloatingIp]:
    """The project's floating IPs with these values (`port_id`, `description`, ...)."""
    return rest.list_all(network, "/floatingips", "floatingips", query)


@contextmanager
def temporary_address(network: Proxy, request: VerifyServerRequest, at: Port) -> Iterator[str]:
    """The address of a floating IP on the server's port, which is removed afterwards.

    What a killed run left for the same server is taken over. One that somebody else has put on the
    port is used as it is, and stays. Raises FlakeshipError where the cloud has none left, and where
    it cannot be removed: the server's own address could not be moved to the port.
    """
    machine, owner = request.machine, request.owner.for_verification()
    mine = description(owner)
    existing = floating(network, port_id=at.id)
    if other := next((each for each in existing if each["description"] != mine), None):
        address: str = other["floating_ip_address"]
        log.info("%s: using %s, which leads to its port already", machine, address)
        yield address
        return

    def remove(made: FloatingIp) -> None:
        by_hand = client(request.cloud, f"floating ip delete {made['id']}")
        what = f"the temporary floating IP {made['floating_ip_address']} of {machine}"
        rest.delete(network, f"/floatingips/{made['id']}", what, by_hand)

    with temporary(
        lambda: rest.create(
            f"the temporary floating IP of {machine}",
            lambda: _create(network, request, at, mine),
            lambda: _take_over(network, at, mine),
        ),
        remove,
        lambda: _take_over(network, at, mine),
    ) as made:
        rest.call(network, "PUT", f"/floatingips/{made['id']}/tags", json={"tags": words(owner)})
        address = made["floating_ip_address"]
        log.info("%s: using %s, a temporary floating IP", machine, address)
        yield address


def _take_over(network: Proxy, at: Port, mine: str) -> FloatingIp | None:
    """The floating IP that a killed run left on this port, or on none."""
    for left in floating(network, description=mine):
        if left["port_id"] == at.id:
            return left
        if not left["port_id"]:
            body = {"port_id": at.id, "fixed_ip_address": at.ipv4}
            path = f"/floatingips/{left['id']}"
            moved: FloatingIp = rest.call(network, "PUT", path, json={"floatingip": body})
            return dict(moved["floatingip"])
    return None


def _create(network: Proxy, request: VerifyServerRequest, at: Port, mine: str) -> FloatingIp:
    body = {
        "floating_network_id": request.pool,
        "port_id": at.id,
        "fixed_ip_address": at.ipv4,
        "description": mine,
    }
    try:
        answer = rest.call(network, "POST", "/floatingips", json={"floatingip": body})
    except HttpException as error:
        if error.status_code not in {400, 404, 409}:
            raise
        shown = client(request.cloud, "floating ip list")
        raise FlakeshipError(
            f"the network {request.pool} has no floating IP for the verification: "
            f"{errors.answer(error).rstrip('.')}",
            code="address-unavailable",
            key=request.machine,
            remedy=f"release one that is not needed (`{shown}`), ask for more, or set "
            "flakeship:openstack.access to bastion or direct",
        ) from error
    return dict(answer["floatingip"])
