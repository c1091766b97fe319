"""A test server that is created, verified and removed by one command."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flakeship.model.evidence import Evidence
from flakeship.rollout.ownership import Owner, temporary
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.requests import EphemeralRequest
from flakeship.targets.openstack.resources import description, words
from flakeship.targets.openstack.servers import nova, verify_server

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

REMOVED = "  the test server has been removed; add a server to the settings to inspect one"


def verify_ephemeral(request: EphemeralRequest) -> Evidence:
    """Verify a server that exists only for this; whatever happens, nothing of it is left.

    What a killed run of this checkout left of the same server and release is removed first; one of
    another checkout may be under way. Raises FlakeshipError with the failed checks, or with what
    could not be removed.
    """
    server = request.server
    owner = server.owner.for_verification().of_this_checkout()
    with api.connected(server.cloud) as connection:
        compute, network = rest.client(connection, "compute"), rest.client(connection, "network")

        def remove_server(number: str) -> None:
            by_hand = client(server.cloud, f"server delete {number}")
            what = f"the test server of {server.machine}"
            rest.delete(compute, f"/servers/{number}", what, by_hand, wait=True)

        def remove_port(number: str) -> None:
            by_hand = client(server.cloud, f"port delete {number}")
            rest.delete(network, f"/ports/{number}", f"the port of {server.machine}", by_hand)

        servers, ports = _left(compute, network, server.machine, owner)
        if servers or ports:
            log.info("%s: removing what a killed run left", server.machine)
        for number in servers:
            remove_server(number)
        for number in ports:
            remove_port(number)

        def left(kind: int) -> str | None:
            """What a create has made whose answer was lost: a server (0) or a port (1)."""
            return next(iter(_left(compute, network, server.machine, owner)[kind]), None)

        def make_port() -> str:
            what = f"the port of {server.machine}"
            return rest.create(what, lambda: _create_port(network, request, owner), lambda: left(1))

        with temporary(make_port, remove_port) as port:
            rest.call(network, "PUT", f"/ports/{port}/tags", json={"tags": words(owner)})

            def make_server() -> str:
                return rest.create(
                    f"the test server of {server.machine}",
                    lambda: _create_server(compute, request, owner, port),
                    lambda: left(0),
                )

            with temporary(make_server, remove_server) as created:
                log.info("%s: created the test server %s", server.machine, created)
                nova.await_creation(compute, server.machine, created, server.cloud)
                made = replace(server, server=created, port=port)
                return verify_server.examine(connection, made, [], lambda _: [REMOVED])


def _left(
    compute: Proxy, network: Proxy, machine: str, owner: Owner
) -> tuple[list[str], list[str]]:
    """The servers and ports that a killed run left."""
    named = rest.list_all(compute, "/servers/detail", "servers", {"name": f"^{machine}$"})
    servers = [each["id"] for each in named if owner.tags.items() <= each["metadata"].items()]
    ports = rest.list_all(network, "/ports", "ports", {"description": description(owner)})
    return servers, [port["id"] for port in ports]


def _create_port(network: Proxy, request: EphemeralRequest, owner: Owner) -> str:
    body = {
        "network_id": request.network,
        "name": request.server.machine,
        "security_groups": request.security_groups,
        "description": description(owner),
    }
    return str(rest.call(network, "POST", "/ports", json={"port": body})["port"]["id"])


def _create_server(compute: Proxy, request: EphemeralRequest, owner: Owner, port: str) -> str:
    body: dict[str, Any] = {
        "name": request.server.machine,
        "imageRef": request.server.image,
        "flavorRef": request.flavor,
        "networks": [{"port": port}],
        "config_drive": True,
        "metadata": owner.tags,
    }
    return str(rest.call(compute, "POST", "/servers", json={"server": body})["server"]["id"])
