"""The verification of a server of Nova's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import connection as cloud
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.access import NovaAccess, endpoint
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import checks, ipv6_check
from flakeship.targets.openstack.servers.console import Console
from flakeship.verify import verify
from flakeship.verify.checks import open_ports
from flakeship.verify.checks.open_ports import Neighbour
from flakeship.verify.checks.scheduled import ScheduledCheck
from flakeship.verify.context import NOT_SERVING, VerificationContext

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.proxy import Proxy

Progress = Callable[[str], object]


def verify_server(
    request: VerifyServerRequest, pinned: Sequence[str], progress: Progress
) -> Evidence:
    """Verify a server as flakeship.verify does, with the checks of a cloud.

    Raises FlakeshipError with the story, also where Nova could not make the server.
    """
    with cloud.connected(request.cloud) as connection:
        return examine(connection, request, pinned, progress)


def examine(
    connection: Connection,
    request: VerifyServerRequest,
    pinned: Sequence[str],
    progress: Progress,
    inspect_hint: Callable[[list[str]], list[str]] | None = None,
    *,
    on_failure: str = NOT_SERVING,
) -> Evidence:
    """The same with a login on the cloud; `inspect_hint` as in VerificationContext."""
    compute, network = rest.client(connection, "compute"), rest.client(connection, "network")
    server = rest.ask(compute, "GET", f"/servers/{request.server}")["server"]
    if server["status"] == "ERROR":
        raise FlakeshipError(f"{request.machine}: {fault(server, request.cloud)}")
    at = port.find(network, request.machine, request.port)

    jump = request.jump
    neighbour = (
        Neighbour(endpoint(request, jump), jump.host_keys, at.ipv4) if jump is not None else None
    )
    scan = partial(open_ports.check, neighbour, request.restricted)
    own = [
        ScheduledCheck("api", "start", lambda _: checks.api(compute, network, request, at)),
        ScheduledCheck("port-scan", "start", scan),
    ]
    if at.ipv6:
        own.append(ScheduledCheck("ipv6", "start", partial(ipv6_check.check, request, at)))
    context = VerificationContext(
        NovaAccess(network, request, at, progress),
        Console(compute, request.server, request.cloud),
        own,
        on_failure,
        inspect_hint or (lambda login: [*login, *_state(compute, request)]),
    )
    return verify.verify(request.verify, pinned, context)


def fault(server: dict[str, Any], cloud: str) -> str:
    """Why a server is in ERROR."""
    shown = client(cloud, f"server show {server['id']}")
    said = (server.get("fault") or {}).get("message", "").rstrip(". ") or "it does not say why"
    return (
        f"Nova has it in ERROR: {said}; `{shown}` tells more. Free "
        "or ask for what is missing, and make it anew"
    )


def _state(compute: Proxy, request: VerifyServerRequest) -> list[str]:
    """What Nova says of a server that has failed, where it is not simply ACTIVE."""
    try:
        server = rest.ask(compute, "GET", f"/servers/{request.server}")["server"]
    except (SDKException, ClientException) as error:  # what has failed is the one to show
        return [f"  Nova does not tell its state: {errors.answer(error)}"]
    if server["status"] == "ERROR":
        return [f"  {fault(server, request.cloud)}"]
    return [] if server["status"] == "ACTIVE" else [f"  Nova has it as {server['status']}."]
