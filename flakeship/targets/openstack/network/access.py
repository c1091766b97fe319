"""How the checks get to a server of Nova's that may have no public address yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.network import port, temporary_address
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy

SECONDS = 10.0
"""For the login on the jump host, which is up."""

SSH = 22

IDLE = 900
"""Seconds that its connection stays: a server that boots uses no forward for a while."""


@dataclass(frozen=True)
class Route:
    """A way to a server: `address`, and where its declared ports are there.

    `own` tells whether all ports of the address are the server's, `serving` whether it is the
    stable one. `look` is given the host keys and tells a person how to get there.
    """

    address: str
    reach: dict[int, int]
    look: Callable[[Sequence[str]], list[str]]
    own: bool = True
    serving: bool = False


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
            yield _straight(request, request.stable, serving=True)
        elif request.reach == "direct":
            yield _straight(request, at.ipv4)
        elif request.reach == "jump" and (found := _jump(opened, request, at, progress)):
            yield found
        else:
            address = opened.enter_context(
                temporary_address.temporary(network, request, at, progress)
            )
            yield Route(address, _same(request), lambda keys: _by_hand(request, at, keys))


def serving(network: Proxy, request: VerifyServerRequest, at: Port) -> bool:
    """Whether the stable address leads to this very port."""
    if not request.stable or request.stable == at.ipv4:
        return bool(request.stable)
    there = port.floating(network, floating_ip_address=request.stable)
    return any(each["port_id"] == at.id for each in there)


def endpoint(request: VerifyServerRequest, jump: Bastion) -> Endpoint:
    """The login on a jump host."""
    return Endpoint(jump.name, jump.address, SSH, jump.user, request.identity)


def declared(request: VerifyServerRequest) -> list[int]:
    """The ports that the checks need."""
    return sorted({SSH, *(each.port for each in request.ports if each.protocol != "udp")})


def _same(request: VerifyServerRequest) -> dict[int, int]:
    return {number: number for number in declared(request)}


def _straight(request: VerifyServerRequest, address: str, *, serving: bool = False) -> Route:
    here = Endpoint(request.machine, address, SSH, request.user, request.identity)
    return Route(
        address,
        _same(request),
        lambda keys: [f"  {by_hand(here, keys)}"],
        serving=serving,
    )


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
    here = Endpoint(machine, at.ipv4, SSH, request.user, request.identity)
    proxy = f"{by_hand(through, jump.host_keys)} -W {at.ipv4}:{SSH}"
    return Route(LOOPBACK, reach, lambda keys: [f"  {by_hand(here, keys, proxy)}"], own=False)


def _by_hand(request: VerifyServerRequest, at: Port, keys: Sequence[str]) -> list[str]:
    """The temporary address is gone by then."""
    here = Endpoint(request.machine, "ADDRESS", SSH, request.user, request.identity)
    return [
        "  its temporary address has been removed; this gives it another ADDRESS:",
        f"  {client(request.cloud, f'floating ip create --port {at.id} {request.pool}')}",
        f"  {by_hand(here, keys)}",
        "  and this removes it afterwards, which nothing else does:",
        f"  {client(request.cloud, 'floating ip delete ADDRESS')}",
    ]
