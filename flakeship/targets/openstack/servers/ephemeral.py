"""A test server: made, verified and removed by one verb."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.system.interrupt import deferred
from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.api import connection as cloud
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.api.deletion import delete
from flakeship.targets.openstack.requests import EphemeralRequest, VerifyServerRequest
from flakeship.targets.openstack.servers import verify_server

if TYPE_CHECKING:
    from openstack.proxy import Proxy

BUILD = 600.0
"""Seconds for Nova to make a server: the first one of an image waits for its copy."""

GONE = "  the test server has been removed, with all that it had: make a server to look at one"


def verify_ephemeral(request: EphemeralRequest, progress: Callable[[str], object]) -> Evidence:
    """Verify a server that exists only for this; whatever happens, nothing of it is left.

    What a killed trial of the same server and release has left here is removed first: one of
    another checkout may be under way. Raises FlakeshipError with the story, or with what could not
    be removed.
    """
    machine = request.review.machine
    with cloud.connected(request.review.cloud) as connection, ExitStack() as undo:
        compute, network = rest.client(connection, "compute"), rest.client(connection, "network")
        _sweep(compute, network, request, progress)
        # what is made is put down for removal before an interruption can come
        with deferred():
            port = _make_port(network, request)
            undo.callback(_drop_port, network, request.review, port)
        tags = {"tags": ownership_tags.tags(ownership_tags.own(request.review.marks))}
        rest.ask(network, "PUT", f"/ports/{port}/tags", json=tags)
        with deferred():
            server = _make_server(compute, request, port)
            undo.callback(_drop_server, compute, request.review, server)
        progress(f"{machine}: a test server, {server}")
        _wait(compute, request.review, server)
        asked = replace(request.review, server=server, port=port)
        return verify_server.examine(connection, asked, [], progress, lambda _: [GONE])


def _sweep(
    compute: Proxy, network: Proxy, request: EphemeralRequest, progress: Callable[[str], object]
) -> None:
    """Remove what a killed trial has left."""
    mine = ownership_tags.own(request.review.marks)
    machine = request.review.machine
    named = rest.every(compute, "/servers/detail", "servers", {"name": f"^{machine}$"})
    servers = [each["id"] for each in named if mine.items() <= each["metadata"].items()]
    ports = rest.every(network, "/ports", "ports", {"description": _description(request)})
    if servers or ports:
        progress(f"{machine}: removing what a trial that was killed has left")
    for server in servers:
        _drop_server(compute, request.review, server)
    for port in ports:
        _drop_port(network, request.review, port["id"])


def _make_port(network: Proxy, request: EphemeralRequest) -> str:
    wish = {
        "network_id": request.network,
        "name": request.review.machine,
        "security_groups": request.security_groups,
        "description": _description(request),
    }
    made: str = rest.ask(network, "POST", "/ports", json={"port": wish})["port"]["id"]
    return made


def _make_server(compute: Proxy, request: EphemeralRequest, port: str) -> str:
    wish: dict[str, Any] = {
        "name": request.review.machine,
        "imageRef": request.review.image,
        "flavorRef": request.flavor,
        "networks": [{"port": port}],
        "config_drive": True,
        "metadata": ownership_tags.own(request.review.marks),
    }
    made: str = rest.ask(compute, "POST", "/servers", json={"server": wish})["server"]["id"]
    return made


def _wait(compute: Proxy, request: VerifyServerRequest, number: str) -> None:
    """Wait until Nova has made the server. Raises FlakeshipError with the fault where it fails."""
    status = ""
    for answer in rest.polled(compute, f"/servers/{number}", BUILD, first=0.5):
        server = answer["server"]
        status = server["status"]
        if status == "ERROR":
            raise FlakeshipError(f"{request.machine}: {verify_server.fault(server, request.cloud)}")
        if status == "ACTIVE":
            return
    raise FlakeshipError(f"{request.machine}: Nova has it as {status} after {BUILD:.0f} s")


def _drop_server(compute: Proxy, request: VerifyServerRequest, number: str) -> None:
    by_hand = client(request.cloud, f"server delete {number}")
    what = f"{request.machine}: the test server"
    with deferred():
        delete(compute, f"/servers/{number}", what, by_hand, wait=True)


def _drop_port(network: Proxy, request: VerifyServerRequest, number: str) -> None:
    by_hand = client(request.cloud, f"port delete {number}")
    what = f"{request.machine}: the port of the test server"
    with deferred():
        delete(network, f"/ports/{number}", what, by_hand)


def _description(request: EphemeralRequest) -> str:
    return ownership_tags.description(ownership_tags.own(request.review.marks))
