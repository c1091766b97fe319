"""The verification of a server of Nova's: a new one, or once more an existing one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from openstack.exceptions import NotFoundException

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.access import NovaAccess
from flakeship.targets.openstack.requests import OwnBastion, VerifyServerRequest
from flakeship.targets.openstack.servers import checks, nova, obstacles
from flakeship.verify import verify
from flakeship.verify.checks import inside, open_ports
from flakeship.verify.port_scan import Neighbour
from flakeship.verify.request import Route
from flakeship.verify.schedule import ScheduledCheck
from flakeship.verify.verify import NOT_SERVING, VerificationContext

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.proxy import Proxy

STANDBY = "Another machine has the server's name and address; this one is a standby."
"""What a failure means of a machine that is not the active one."""


def verify_server(request: VerifyServerRequest, pinned: Sequence[str]) -> Evidence:
    """Verify a server as flakeship.verify does, with the checks of a cloud.

    Raises FlakeshipError with the failed checks, also where Nova could not make the server.
    """
    with api.connected(request.cloud) as connection:
        if request.repair:
            nova.start(rest.client(connection, "compute"), request.machine, request.server)
        return examine(connection, request, pinned)


def verify_existing(
    request: VerifyServerRequest, previous: str, stack: str, *, active: bool
) -> Evidence:
    """Verify a server again; `previous` is what its verification printed the last time.

    The `active` machine of a server must have the stable address. Raises FlakeshipError.
    """
    pinned = verify.pinned_keys(previous, request.machine)
    on_failure = (
        "This was only a check: it still has its name and address. To replace it, go back to a "
        "release that works (flakeship:release), or have it created again from its image: "
        f"{replacement(request)}."
    )
    with api.connected(request.cloud) as connection:
        known = check_address(rest.client(connection, "network"), request, stack) if active else []
        means = on_failure if active else STANDBY
        return examine(connection, request, pinned, on_failure=means, known=known)


def replacement(request: VerifyServerRequest) -> str:
    """The commands after which another machine takes a server's place."""
    removal = client(request.cloud, f"server delete {request.server}")
    return f"`{removal}`, then `make up STACK={request.owner.stack}`"


def check_address(
    network: Proxy, request: VerifyServerRequest, stack: str
) -> Sequence[port.FloatingIp]:
    """Refuse a stable address that does not lead to the server. Raises FlakeshipError.

    Returns its floating IP; nothing for a server without one.
    """
    if not request.stable:
        return []
    found = port.floating(network, floating_ip_address=request.stable)
    where = str(found[0]["port_id"] or "") if found else ""
    if where == request.port:
        return found
    if not found:
        what = "no longer exists in this project"
    elif not where:
        what = "leads nowhere"
    else:
        what = f"leads to the port {where}{_of_server(network, where)}"
    raise FlakeshipError(
        f"its address {request.stable} {what}, not to its port {request.port}",
        code="address-drifted",
        key=request.machine,
        remedy=f"`make up STACK={stack}` repairs it",
    )


def _of_server(network: Proxy, number: str) -> str:
    """The server of a port, as far as it is visible."""
    try:
        device = rest.call(network, "GET", f"/ports/{number}")["port"]["device_id"]
    except NotFoundException:
        return ""
    return f" of the server {device}" if device else ""


@dataclass(frozen=True)
class CreatedAccess:
    """The access to a server that Nova may still be creating: it opens meanwhile."""

    access: NovaAccess
    compute: Proxy
    status: str

    @contextmanager
    def open(self) -> Iterator[Route]:
        """As NovaAccess, once Nova has created the server. Raises FlakeshipError."""
        request = self.access.request
        with self.access.open() as route:
            if self.status == nova.BEING_CREATED:
                nova.await_creation(self.compute, request.machine, request.server, request.cloud)
            yield route


def examine(
    connection: Connection,
    request: VerifyServerRequest,
    pinned: Sequence[str],
    inspect_hint: Callable[[list[str]], list[str]] | None = None,
    *,
    on_failure: str = NOT_SERVING,
    known: Sequence[port.FloatingIp] = (),
) -> Evidence:
    """As verify_server, with a login on the cloud; `inspect_hint` is as in VerificationContext.

    `known` is the floating IP that leads to the server, where that is known already.
    """
    compute, network = rest.client(connection, "compute"), rest.client(connection, "network")
    status, at, floating = _look(compute, network, request, known)
    neighbour, restricted = None, {*request.restricted}
    if bastion := request.bastion:
        login = bastion.endpoint(request.verify.identity)
        neighbour = Neighbour(
            login, bastion.host_keys, at.ipv4, seconds=bastion.seconds, up=bastion.up
        )
        if isinstance(bastion, OwnBastion):  # the only way in, so it is let in
            restricted -= {SSH}
    scan = partial(open_ports.check, neighbour, restricted)
    own = [
        ScheduledCheck("api", lambda _: checks.api(compute, network, request, at)),
        ScheduledCheck("port-scan", scan),
    ]
    if not request.verify.promises.switch:
        left_out = partial(inside.not_promised, "switchable")
        own.append(ScheduledCheck("reactivation", left_out))
    if at.ipv6:
        own.append(ScheduledCheck("ipv6", partial(checks.ipv6, request, at)))
    context = VerificationContext(
        CreatedAccess(NovaAccess(network, request, at, floating), compute, status),
        nova.Console(compute, request.server, request.cloud),
        own,
        on_failure,
        inspect_hint or (lambda login: [*login, *obstacles.find(compute, network, request)]),
    )
    asked = request.verify if at.dhcp else replace(request.verify, addressing="static")
    try:
        return verify.verify(asked, pinned, context)
    except FlakeshipError as error:
        if error.code == "host-key-changed":
            # Pulumi would replace it in place, which is refused
            error.remedy = (
                "a changed key is never accepted. If you changed it, have another machine take its "
                f"place: {replacement(request)}"
            )
        raise


def _look(
    compute: Proxy, network: Proxy, request: VerifyServerRequest, known: Sequence[port.FloatingIp]
) -> tuple[str, port.Port, Sequence[port.FloatingIp] | None]:
    """The server's status, its port and the floating IPs; None where they may not be needed.

    All is read side by side. Raises FlakeshipError for a server in ERROR.
    """
    needed = not known and (request.stable or request.access == "floating")
    with ThreadPoolExecutor(3) as pool:
        server = pool.submit(nova.server, compute, request.server)
        at = pool.submit(port.find, network, request.machine, request.port)
        floating = pool.submit(port.all_floating, network) if needed else None
    status = str(server.result()["status"])
    if status == "ERROR":
        raise nova.failure(request.machine, server.result(), request.cloud)
    return status, at.result(), floating.result() if floating else known or None
