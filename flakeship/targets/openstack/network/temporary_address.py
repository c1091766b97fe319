"""A floating IP for the time of a verification."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openstack.exceptions import HttpException

from flakeship.model.errors import FlakeshipError
from flakeship.system.interrupt import deferred
from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.api.deletion import delete
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import VerifyServerRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy


@contextmanager
def temporary(
    network: Proxy, request: VerifyServerRequest, at: Port, progress: Callable[[str], object]
) -> Iterator[str]:
    """The address of a floating IP on the server's port, which is gone afterwards.

    What a killed run has left for the same server is taken over. One that somebody else has put on
    the port is used as it is, and stays. Raises FlakeshipError where the cloud gives none, and
    where it cannot be removed: the server's own address could not be moved here.
    """
    machine = request.machine
    carried = ownership_tags.metadata(request.marks)
    mine = ownership_tags.description(carried)
    there = port.floating(network, port_id=at.id)
    if other := next((each for each in there if each["description"] != mine), None):
        address = other["floating_ip_address"]
        progress(f"{machine}: looked at by {address}, which leads to its port already")
        yield address
        return
    number = ""
    try:
        with deferred():  # what is not known cannot be removed
            made = _take_over(network, at, mine) or _make(network, request, at, mine)
            number, address = made["id"], made["floating_ip_address"]
        tags = {"tags": ownership_tags.tags(carried)}
        rest.ask(network, "PUT", f"/floatingips/{number}/tags", json=tags)
        progress(f"{machine}: looked at by {address}, a temporary floating IP")
        yield address
    finally:
        if number:
            what = f"{machine}: the temporary floating IP {address}"
            with deferred():
                delete(
                    network,
                    f"/floatingips/{number}",
                    what,
                    client(request.cloud, f"floating ip delete {number}"),
                )


def _take_over(network: Proxy, at: Port, mine: str) -> dict[str, Any] | None:
    """What a killed run has left: on this port, or on none any more."""
    for left in port.floating(network, description=mine):
        if left["port_id"] == at.id:
            return left
        if not left["port_id"]:
            return _put(network, left["id"], at)
    return None


def _put(network: Proxy, number: str, at: Port) -> dict[str, Any]:
    wish = {"floatingip": {"port_id": at.id, "fixed_ip_address": at.ipv4}}
    answer = rest.ask(network, "PUT", f"/floatingips/{number}", json=wish)
    found: dict[str, Any] = answer["floatingip"]
    return found


def _make(network: Proxy, request: VerifyServerRequest, at: Port, mine: str) -> dict[str, Any]:
    wish = {
        "floating_network_id": request.pool,
        "port_id": at.id,
        "fixed_ip_address": at.ipv4,
        "description": mine,
    }
    try:
        answer = rest.ask(network, "POST", "/floatingips", json={"floatingip": wish})
    except HttpException as error:
        if error.status_code not in {400, 404, 409}:
            raise
        said = errors.answer(error).rstrip(".")
        shown = client(request.cloud, "floating ip list")
        raise FlakeshipError(
            f"{request.machine}: the verification gets no temporary floating IP from the network "
            f"{request.pool}: {said}. Release one that is not needed (`{shown}`), ask "
            "for more, or let flakeship:openstack.reach be jump or direct"
        ) from error
    found: dict[str, Any] = answer["floatingip"]
    return found
