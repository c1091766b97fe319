"""`make verify` on a cloud: a server once more, and whether its address really leads to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from openstack.exceptions import NotFoundException

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import connection as cloud
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import verify_server
from flakeship.verify import verify

if TYPE_CHECKING:
    from openstack.proxy import Proxy

Progress = Callable[[str], object]

BEHIND = "Another server has its name and address; this one is there to go back to."
"""What a failure means of a server that is not the active one."""


def verify_existing(
    request: VerifyServerRequest, previous: str, progress: Progress, stack: str, *, active: bool
) -> Evidence:
    """Verify a server as its request says; `previous` is what that printed the last time.

    The `active` one of its name must have its stable address. Raises FlakeshipError.
    """
    pinned = verify.pinned_keys(previous, request.machine)
    on_failure = serving(request, stack) if active else BEHIND
    with cloud.connected(request.cloud) as connection:
        if active:
            holds(rest.client(connection, "network"), request, stack)
        return verify_server.examine(connection, request, pinned, progress, on_failure=on_failure)


def serving(request: VerifyServerRequest, stack: str) -> str:
    """What a failure means of the active server."""
    removal = client(request.cloud, f"server delete {request.server}")
    return (
        "This was only a check: it still has its name and address. If it is sick, go back to a "
        "release that works (flakeship:release), or have it made anew from its image: "
        f"`{removal}`, then `make up STACK={stack}`."
    )


def holds(network: Proxy, request: VerifyServerRequest, stack: str) -> None:
    """See that the stable address leads to the server. Raises FlakeshipError where it does not."""
    if not request.stable:
        return
    there = port.floating(network, floating_ip_address=request.stable)
    where = str(there[0]["port_id"] or "") if there else ""
    if where == request.port:
        return
    if not there:
        now = "does not exist any more in this project"
    elif not where:
        now = "leads nowhere now"
    else:
        now = f"leads to the port {where}{_server(network, where)} now"
    raise FlakeshipError(
        f"{request.machine}: nobody reaches it by its address: {request.stable} {now}, and should "
        f"lead to its port {request.port}. `pulumi refresh --stack {stack}` puts into the state "
        f"what the cloud has, and `make up STACK={stack}` then puts it right"
    )


def _server(network: Proxy, number: str) -> str:
    """Whose port it is, as far as we may see it."""
    try:
        device = rest.ask(network, "GET", f"/ports/{number}")["port"]["device_id"]
    except NotFoundException:
        return ""
    return f" of the server {device}" if device else ""
