"""The verification of a server of Nova's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.access import NovaAccess, endpoint
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import checks, faults, ipv6_check
from flakeship.targets.openstack.servers.console import Console
from flakeship.verify import verify
from flakeship.verify.checks import open_ports
from flakeship.verify.checks.open_ports import Neighbour
from flakeship.verify.schedule import ScheduledCheck
from flakeship.verify.verify import NOT_SERVING, VerificationContext

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.proxy import Proxy


def verify_server(request: VerifyServerRequest, pinned: Sequence[str]) -> Evidence:
    """Verify a server as flakeship.verify does, with the checks of a cloud.

    Raises FlakeshipError with the failed checks, also where Nova could not make the server.
    """
    with api.connected(request.cloud) as connection:
        return examine(connection, request, pinned)


def examine(
    connection: Connection,
    request: VerifyServerRequest,
    pinned: Sequence[str],
    inspect_hint: Callable[[list[str]], list[str]] | None = None,
    *,
    on_failure: str = NOT_SERVING,
) -> Evidence:
    """The same with a login on the cloud; `inspect_hint` is as in VerificationContext."""
    compute, network = rest.client(connection, "compute"), rest.client(connection, "network")
    server = rest.call(compute, "GET", f"/servers/{request.server}")["server"]
    if server["status"] == "ERROR":
        raise faults.failure(request.machine, server, request.cloud)
    server_port = port.find(network, request.machine, request.port)
    neighbour = None
    if bastion := request.bastion:
        login = endpoint(request, bastion)
        neighbour = Neighbour(login, bastion.host_keys, server_port.ipv4)
    own = [
        ScheduledCheck(
            "api", "start", lambda _: checks.api(compute, network, request, server_port)
        ),
        ScheduledCheck(
            "port-scan", "start", partial(open_ports.check, neighbour, request.restricted)
        ),
    ]
    if server_port.ipv6:
        ipv6 = partial(ipv6_check.check, request, server_port)
        own.append(ScheduledCheck("ipv6", "start", ipv6))
    context = VerificationContext(
        NovaAccess(network, request, server_port),
        Console(compute, request.server, request.cloud),
        own,
        on_failure,
        inspect_hint or (lambda login: [*login, *_state(compute, request)]),
    )
    return verify.verify(request.verify, pinned, context)


def _state(compute: Proxy, request: VerifyServerRequest) -> list[str]:
    """Nova's state of a server that has failed, where it is not simply ACTIVE."""
    try:
        server = rest.call(compute, "GET", f"/servers/{request.server}")["server"]
    except (SDKException, ClientException) as error:  # the failure itself is the one to show
        return [f"  Nova does not report its state: {errors.answer(error)}"]
    if server["status"] == "ERROR":
        return [f"  {faults.failure(request.machine, server, request.cloud)}"]
    return [] if server["status"] == "ACTIVE" else [f"  It is {server['status']} in Nova."]
