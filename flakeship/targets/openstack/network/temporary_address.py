"""A floating IP for the time of a verification."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from openstack.exceptions import HttpException

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import temporary
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.ownership_tags import description, words
from flakeship.targets.openstack.requests import VerifyServerRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

FloatingIp = dict[str, Any]


@contextmanager
def temporary_address(
    network: Proxy, request: VerifyServerRequest, server_port: Port
) -> Iterator[str]:
    """The address of a floating IP on the server's port, which is removed afterwards.

    What a killed run left for the same server is taken over. One that somebody else has put on the
    port is used as it is, and stays. Raises FlakeshipError where the cloud has none left, and where
    it cannot be removed: the server's own address could not be moved to the port.
    """
    machine = request.machine
    owner = request.owner.for_verification()
    mine = description(owner)
    existing = port.floating(network, port_id=server_port.id)
    if other := next((each for each in existing if each["description"] != mine), None):
        address: str = other["floating_ip_address"]
        log.info("%s: using %s, which leads to its port already", machine, address)
        yield address
        return
    with temporary(
        partial(_create, network, request, server_port, mine),
        partial(_remove, network, request),
        partial(_take_over, network, server_port, mine),
    ) as floating_ip:
        path = f"/floatingips/{floating_ip['id']}/tags"
        rest.call(network, "PUT", path, json={"tags": words(owner)})
        address = floating_ip["floating_ip_address"]
        log.info("%s: using %s, a temporary floating IP", machine, address)
        yield address


def _take_over(network: Proxy, server_port: Port, mine: str) -> FloatingIp | None:
    """The floating IP that a killed run left on this port, or on none."""
    for left in port.floating(network, description=mine):
        if left["port_id"] == server_port.id:
            return left
        if not left["port_id"]:
            body = {"port_id": server_port.id, "fixed_ip_address": server_port.ipv4}
            path = f"/floatingips/{left['id']}"
            moved: FloatingIp = rest.call(network, "PUT", path, json={"floatingip": body})
            return dict(moved["floatingip"])
    return None


def _create(
    network: Proxy, request: VerifyServerRequest, server_port: Port, mine: str
) -> FloatingIp:
    body = {
        "floating_network_id": request.pool,
        "port_id": server_port.id,
        "fixed_ip_address": server_port.ipv4,
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


def _remove(network: Proxy, request: VerifyServerRequest, floating_ip: FloatingIp) -> None:
    number, address = floating_ip["id"], floating_ip["floating_ip_address"]
    by_hand = client(request.cloud, f"floating ip delete {number}")
    what = f"the temporary floating IP {address} of {request.machine}"
    rest.delete(network, f"/floatingips/{number}", what, by_hand)
