"""How a verification reaches a server that may have no public address yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flakeship.model.ports import SSH
from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.network.temporary_address import temporary_address
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.verify.request import Route

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

SECONDS = 10.0
"""For the login on the bastion, which is up."""

IDLE = 900
"""Seconds that the connection to the bastion stays idle: a booting server uses no forward."""


@dataclass(frozen=True)
class NovaAccess:
    """The access to a server by its port, as the setting `access` says."""

    network: Proxy
    request: VerifyServerRequest
    port: Port

    def open(self) -> AbstractContextManager[Route]:
        """Open the route; see open_route."""
        return open_route(self.network, self.request, self.port)


@contextmanager
def open_route(network: Proxy, request: VerifyServerRequest, server_port: Port) -> Iterator[Route]:
    """Open the route that the request asks for; what it needs is removed afterwards.

    A bastion that cannot be used is replaced by a temporary floating IP: what is wrong with the
    active server must not block its successor. Raises FlakeshipError.
    """
    with ExitStack() as opened:
        ports = {number: number for number in declared(request)}
        if serving(network, request, server_port):
            yield Route(request.stable, ports, server_port.subnet, serving=True)
        elif request.access == "direct":
            yield Route(server_port.ipv4, ports, server_port.subnet)
        elif request.access == "bastion" and (
            route := _through_bastion(opened, request, server_port)
        ):
            yield route
        else:
            address = opened.enter_context(temporary_address(network, request, server_port))
            login = partial(_by_hand, request, server_port)
            yield Route(address, ports, server_port.subnet, login=login)


def serving(network: Proxy, request: VerifyServerRequest, server_port: Port) -> bool:
    """Whether the stable address leads to this very port."""
    if not request.stable or request.stable == server_port.ipv4:
        return bool(request.stable)
    found = port.floating(network, floating_ip_address=request.stable)
    return any(each["port_id"] == server_port.id for each in found)


def endpoint(request: VerifyServerRequest, bastion: Bastion) -> Endpoint:
    """The login on a bastion."""
    return Endpoint(bastion.name, bastion.address, SSH, bastion.user, request.verify.identity)


def declared(request: VerifyServerRequest) -> list[int]:
    """The TCP ports that the checks need."""
    return sorted({SSH, *(each.port for each in request.verify.ports if each.transport == "tcp")})


def _through_bastion(
    opened: ExitStack, request: VerifyServerRequest, server_port: Port
) -> Route | None:
    """Forwards through the bastion; None, with a line in the log, where it cannot be used."""
    machine, bastion = request.machine, request.bastion
    if bastion is None:
        log.info("%s: the stack has no active server yet to use as a bastion", machine)
        return None
    if SSH in request.restricted:
        log.info(
            "%s: cannot use %s as a bastion: port %d is restricted, and the bastion's private "
            "address may not be allowed",
            machine,
            bastion.name,
            SSH,
        )
        return None
    through = endpoint(request, bastion)
    login = opened.enter_context(connection.Connection(through, bastion.host_keys, IDLE))
    try:
        login.connect(SECONDS)
        ports = {number: login.forward(server_port.ipv4, number) for number in declared(request)}
    except (
        connection.UnreachableError,
        connection.LoginRefusedError,
        connection.HostKeyRefusedError,
    ) as error:
        log.info("%s: cannot use %s as a bastion: %s", machine, bastion.name, error)
        return None
    log.info("%s: using %s as a bastion", machine, bastion.name)
    forward = f"-W {server_port.ipv4}:{SSH}"
    proxy = f"{SshOptions(through, bastion.host_keys).command_line()} {forward}"
    behind = _endpoint(request, server_port.ipv4)
    return Route(
        LOOPBACK,
        ports,
        server_port.subnet,
        own=False,
        login=lambda keys: [f"  {SshOptions(behind, keys, proxy=proxy).command_line()}"],
    )


def _by_hand(request: VerifyServerRequest, server_port: Port, keys: Sequence[str]) -> list[str]:
    """The commands that log in once the temporary address has been removed."""
    login = SshOptions(_endpoint(request, "ADDRESS"), keys).command_line()
    create = client(request.cloud, f"floating ip create --port {server_port.id} {request.pool}")
    return [
        "  its temporary address has been removed; this creates another ADDRESS:",
        f"  {create}",
        f"  {login}",
        "  and this removes it afterwards, which nothing else does:",
        f"  {client(request.cloud, 'floating ip delete ADDRESS')}",
    ]


def _endpoint(request: VerifyServerRequest, address: str) -> Endpoint:
    return Endpoint(request.machine, address, SSH, request.verify.user, request.verify.identity)
