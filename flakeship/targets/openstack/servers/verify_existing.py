"""Verifying an existing server again, and that its address leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openstack.exceptions import NotFoundException

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import verify_server
from flakeship.verify import verify

if TYPE_CHECKING:
    from openstack.proxy import Proxy

STANDBY = "Another machine has the server's name and address; this one is a standby."
"""What a failure means of a machine that is not the active one."""


def verify_existing(
    request: VerifyServerRequest, previous: str, stack: str, *, active: bool
) -> Evidence:
    """Verify a server again; `previous` is what its verification printed the last time.

    The `active` machine of a server must have the stable address. Raises FlakeshipError.
    """
    pinned = verify.pinned_keys(previous, request.machine)
    on_failure = remedy(request, stack) if active else STANDBY
    with api.connected(request.cloud) as connection:
        if active:
            check_address(rest.client(connection, "network"), request, stack)
        return verify_server.examine(connection, request, pinned, on_failure=on_failure)


def remedy(request: VerifyServerRequest, stack: str) -> str:
    """What a failure means of the active machine."""
    removal = client(request.cloud, f"server delete {request.server}")
    return (
        "This was only a check: it still has its name and address. To replace it, go back to a "
        "release that works (flakeship:release), or have it created again from its image: "
        f"`{removal}`, then `make up STACK={stack}`."
    )


def check_address(network: Proxy, request: VerifyServerRequest, stack: str) -> None:
    """Refuse a stable address that does not lead to the server. Raises FlakeshipError."""
    if not request.stable:
        return
    found = port.floating(network, floating_ip_address=request.stable)
    where = str(found[0]["port_id"] or "") if found else ""
    if where == request.port:
        return
    if not found:
        what = "no longer exists in this project"
    elif not where:
        what = "leads nowhere"
    else:
        what = f"leads to the port {where}{_server(network, where)}"
    raise FlakeshipError(
        f"its address {request.stable} {what}, not to its port {request.port}",
        code="address-drifted",
        key=request.machine,
        remedy=f"run `pulumi refresh --stack {stack}`, then `make up STACK={stack}`, to repair it",
    )


def _server(network: Proxy, number: str) -> str:
    """The server of a port, as far as it is visible."""
    try:
        device = rest.call(network, "GET", f"/ports/{number}")["port"]["device_id"]
    except NotFoundException:
        return ""
    return f" of the server {device}" if device else ""
