"""How the checks get to a server of Nova's that may have no public address yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from flakeship.model.ports import SSH
from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.network import port, temporary_address
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.verify.route import Route

if TYPE_CHECKING:
    from openstack.proxy import Proxy

SECONDS = 10.0
"""For the login on the jump host, which is up."""

IDLE = 900
"""Seconds that its connection stays: a server that boots uses no forward for a while."""


@dataclass(frozen=True)
class NovaAccess:
    """The access to a server by its port: by the setting `reach`."""

    network: Proxy
    request: VerifyServerRequest
    at: Port
    progress: Callable[[str], object]

    def open(self) -> AbstractContextManager[Route]:
        """Open the route; see open_route."""
        return open_route(self.network, self.request, self.at, self.progress)


@contextmanager
def open_route(
    network: Proxy, request: VerifyServerRequest, at: Port, progress: Callable[[str], object]
) -> Iterator[Route]:
    """Open the way that the request asks for; what it needs is gone afterwards.

    A jump host that cannot be used is replaced by a temporary floating IP: what is wrong with the
    server that was active must not keep its successor out. Raises FlakeshipError.
    """
    with ExitStack() as opened:
        if serving(network, request, at):
            yield Route(request.stable, _same(request), at.subnet, serving=True)
        elif request.reach == "direct":
            yield Route(at.ipv4, _same(request), at.subnet)
        elif request.reach == "bastion" and (found := _jump(opened, request, at, progress)):
            yield found
        else:
            address = opened.enter_context(
                temporary_address.temporary(network, request, at, progress)
            )
            hint = partial(_by_hand, request, at)
            yield Route(address, _same(request), at.subnet, login=hint)


def serving(network: Proxy, request: VerifyServerRequest, at: Port) -> bool:
    """Whether the stable address leads to this very port."""
    if not request.stable or request.stable == at.ipv4:
        return bool(request.stable)
    there = port.floating(network, floating_ip_address=request.stable)
    return any(each["port_id"] == at.id for each in there)


def endpoint(request: VerifyServerRequest, jump: Bastion) -> Endpoint:
    """The login on a jump host."""
    return Endpoint(jump.name, jump.address, SSH, jump.user, request.verify.identity)


def declared(request: VerifyServerRequest) -> list[int]:
    """The ports that the checks need."""
    return sorted({SSH, *(each.port for each in request.verify.ports if each.protocol != "udp")})


def _same(request: VerifyServerRequest) -> dict[int, int]:
    return {number: number for number in declared(request)}


def _jump(
    opened: ExitStack, request: VerifyServerRequest, at: Port, progress: Callable[[str], object]
) -> Route | None:
    """Forwards through the jump host; None where it cannot be used, with a line that says why."""
    machine, jump = request.machine, request.jump
    if jump is None:
        progress(f"{machine}: there is no active server to go through yet")
        return None
    if SSH in request.restricted:
        progress(
            f"{machine}: {jump.name} cannot be gone through: tcp {SSH} is not open to everybody, "
            "and its inner address may not be among those that it is open to"
        )
        return None
    through = endpoint(request, jump)
    login = opened.enter_context(connection.Connection(through, jump.host_keys, IDLE))
    try:
        login.connect(SECONDS)
        reach = {number: login.forward(at.ipv4, number) for number in declared(request)}
    except (
        connection.UnreachableError,
        connection.LoginRefusedError,
        connection.HostKeyRefusedError,
    ) as error:
        progress(f"{machine}: {jump.name} cannot be gone through: {error}")
        return None
    progress(f"{machine}: looked at through {jump.name}")
    here = _endpoint(request, at.ipv4)
    proxy = f"{by_hand(through, jump.host_keys)} -W {at.ipv4}:{SSH}"
    return Route(
        LOOPBACK,
        reach,
        at.subnet,
        own=False,
        login=lambda keys: [f"  {by_hand(here, keys, proxy)}"],
    )


def _by_hand(request: VerifyServerRequest, at: Port, keys: Sequence[str]) -> list[str]:
    """The temporary address is gone by then."""
    here = _endpoint(request, "ADDRESS")
    return [
        "  its temporary address has been removed; this gives it another ADDRESS:",
        f"  {client(request.cloud, f'floating ip create --port {at.id} {request.pool}')}",
        f"  {by_hand(here, keys)}",
        "  and this removes it afterwards, which nothing else does:",
        f"  {client(request.cloud, 'floating ip delete ADDRESS')}",
    ]


def _endpoint(request: VerifyServerRequest, address: str) -> Endpoint:
    return Endpoint(request.machine, address, SSH, request.verify.user, request.verify.identity)
