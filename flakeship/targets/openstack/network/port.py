"""A server's port, and the floating IPs that lead to it, one for a verification among them."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openstack.exceptions import HttpException

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import temporary
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.resources import description

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
    found, first = _with_ipv4(network, machine, number)
    subnet = rest.call(network, "GET", f"/subnets/{first['subnet_id']}")["subnet"]
    return Port(
        number,
        found["device_id"],
        first["ip_address"],
        subnet["cidr"],
        tuple(str(each) for each in map(_address, found["fixed_ips"]) if each.version == 6),
        subnet.get("enable_dhcp") is not False,
    )


def reported(network: Proxy, machine: str, number: str) -> tuple[str, str]:
    """The server and the IPv4 address that a port has now. Raises FlakeshipError as `find`."""
    found, first = _with_ipv4(network, machine, number)
    return found["device_id"], first["ip_address"]


def _with_ipv4(
    network: Proxy, machine: str, number: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A port as Neutron has it, and its first IPv4 address."""
    found = rest.call(network, "GET", f"/ports/{number}")["port"]
    first = next((each for each in found["fixed_ips"] if _address(each).version == 4), None)
    if first is None:
        raise FlakeshipError(
            f"its port {number} has no IPv4 address",
            code="port-without-ipv4",
            key=machine,
            remedy="its network needs an IPv4 subnet",
        )
    return found, first


def _address(fixed: Mapping[str, Any]) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(fixed["ip_address"])


def floating(network: Proxy, **query: str) -> list[FloatingIp]:
    """The project's floating IPs with these values (`port_id`, `description`, ...)."""
    return rest.list_all(network, "/floatingips", "floatingips", query)


def all_floating(network: Proxy) -> list[FloatingIp]:
    """Every floating IP of the project, as far as a verification is interested in it."""
    fields = ["id", "floating_ip_address", "port_id", "description"]
    query: rest.Query = {"project_id": str(network.get_project_id()), "fields": fields}
    return rest.list_all(network, "/floatingips", "floatingips", query)


@contextmanager
def temporary_address(
    network: Proxy, request: VerifyServerRequest, at: Port, existing: Sequence[FloatingIp]
) -> Iterator[str]:
    """The address of a floating IP on the server's port, which is removed afterwards.

    Of those that are `existing`, what a killed run left for the same server is taken over, and one
    that somebody else has put on the port is used as it is, and stays. The new one has its tags in
    its description, from the beginning. Raises FlakeshipError where the cloud has none left, and
    where it cannot be removed: the server's own address could not be moved to the port.
    """
    machine, mine = request.machine, description(request.owner.for_verification())
    here = (each for each in existing if each["port_id"] == at.id)
    if other := next((each for each in here if each["description"] != mine), None):
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
            lambda: _take_over(network, at, floating(network, description=mine)),
        ),
        remove,
        lambda: _take_over(network, at, [e for e in existing if e["description"] == mine]),
    ) as made:
        address = made["floating_ip_address"]
        log.info("%s: using %s, a temporary floating IP", machine, address)
        yield address


def _take_over(network: Proxy, at: Port, mine: Sequence[FloatingIp]) -> FloatingIp | None:
    """The floating IP that a killed run left on this port, or on none."""
    for left in mine:
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
