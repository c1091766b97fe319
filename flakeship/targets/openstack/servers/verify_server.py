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
from flakeship.targets.openstack.network.access import Route, open_route
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import checks, ipv6_check
from flakeship.targets.openstack.servers.checks import Case
from flakeship.targets.openstack.servers.console import Console
from flakeship.verify import verify
from flakeship.verify.context import NEW, ExtraCheck, VerificationContext
from flakeship.verify.request import VerifyRequest

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.proxy import Proxy

Progress = Callable[[str], object]
Look = Callable[[Sequence[str]], list[str]]


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
    look: Look | None = None,
    *,
    standing: str = NEW,
) -> Evidence:
    """The same with a login on the cloud; `look` and `standing` as in Target."""
    compute, network = rest.client(connection, "compute"), rest.client(connection, "network")
    server = rest.ask(compute, "GET", f"/servers/{request.server}")["server"]
    if server["status"] == "ERROR":
        raise FlakeshipError(f"{request.machine}: {fault(server, request.cloud)}")
    at = port.find(network, request.machine, request.port)
    with open_route(network, request, at, progress) as found:
        wanted = _wanted(request, at, found)
        case = Case(request, wanted, at, found)
        beside: dict[str, ExtraCheck] = {
            "api": lambda *_: checks.api(compute, network, case),
            "port-scan": partial(checks.port_scan, case),
        }
        if at.ipv6:
            beside["ipv6"] = partial(ipv6_check.check, case)
        target = VerificationContext(
            Console(compute, request.server, request.cloud),
            look or (lambda keys: [*found.look(keys), *_state(compute, request)]),
            beside,
            {"switch": partial(checks.switch, case)},
            standing,
        )
        return verify.verify(wanted, pinned, target)


def fault(server: dict[str, Any], cloud: str) -> str:
    """Why a server is in ERROR."""
    shown = client(cloud, f"server show {server['id']}")
    said = (server.get("fault") or {}).get("message", "").rstrip(". ") or "it does not say why"
    return (
        f"Nova has it in ERROR: {said}; `{shown}` tells more. Free "
        "or ask for what is missing, and make it anew"
    )


def _wanted(request: VerifyServerRequest, at: Port, found: Route) -> VerifyRequest:
    return VerifyRequest(
        machine=request.machine,
        boot=1,
        address=found.address,
        reach=found.reach,
        ports=request.ports,
        console="",
        user=request.user,
        identity=request.identity,
        toplevel=request.toplevel,
        subnet=at.subnet,
        disk=request.disk,
        checks=request.checks,
        deadline=request.deadline,
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
