"""How the checks get to a server of Nova's that may have no public address yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flakeship import ssh
from flakeship.endpoint import Endpoint, by_hand
from flakeship.openstack import floating, port
from flakeship.openstack.client import client
from flakeship.openstack.port import Port
from flakeship.openstack.requests import Jump, ReviewRequest
from flakeship.wire import LOOPBACK

if TYPE_CHECKING:
    from openstack.proxy import Proxy

SECONDS = 10.0
"""For the login on the jump host, which is up."""

SSH = 22

IDLE = 900
"""Seconds that its connection stays: a server that boots uses no forward for a while."""


@dataclass(frozen=True)
class Way:
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
def way(
    network: Proxy, request: ReviewRequest, at: Port, progress: Callable[[str], object]
) -> Iterator[Way]:
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
            address = opened.enter_context(floating.temporary(network, request, at, progress))
            yield Way(address, _same(request), lambda keys: _by_hand(request, at, keys))


def serving(network: Proxy, request: ReviewRequest, at: Port) -> bool:
    """Whether the stable address leads to this very port."""
    if not request.stable or request.stable == at.ipv4:
        return bool(request.stable)
    there = port.floating(network, floating_ip_address=request.stable)
    return any(each["port_id"] == at.id for each in there)


def endpoint(request: ReviewRequest, jump: Jump) -> Endpoint:
    """The login on a jump host."""
    return Endpoint(jump.name, jump.address, SSH, jump.user, request.identity)


def declared(request: ReviewRequest) -> list[int]:
    """The ports that the checks need."""
    return sorted({SSH, *(each.port for each in request.ports if each.protocol != "udp")})


def _same(request: ReviewRequest) -> dict[int, int]:
    return {number: number for number in declared(request)}


def _straight(request: ReviewRequest, address: str, *, serving: bool = False) -> Way:
    here = Endpoint(request.machine, address, SSH, request.user, request.identity)
    return Way(
        address,
        _same(request),
        lambda keys: [f"  {by_hand(here, keys)}"],
        serving=serving,
    )


def _jump(
    opened: ExitStack, request: ReviewRequest, at: Port, progress: Callable[[str], object]
) -> Way | None:
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
    login = opened.enter_context(ssh.Connection(through, jump.host_keys, IDLE))
    try:
        login.connect(SECONDS)
        reach = {number: login.forward(at.ipv4, number) for number in declared(request)}
    except (ssh.UnreachableError, ssh.LoginRefusedError, ssh.HostKeyRefusedError) as error:
        progress(f"{machine}: {jump.name} cannot be gone through: {error}")
        return None
    progress(f"{machine}: looked at through {jump.name}")
    here = Endpoint(machine, at.ipv4, SSH, request.user, request.identity)
    proxy = f"{by_hand(through, jump.host_keys)} -W {at.ipv4}:{SSH}"
    return Way(LOOPBACK, reach, lambda keys: [f"  {by_hand(here, keys, proxy)}"], own=False)


def _by_hand(request: ReviewRequest, at: Port, keys: Sequence[str]) -> list[str]:
    """The temporary address is gone by then."""
    here = Endpoint(request.machine, "ADDRESS", SSH, request.user, request.identity)
    return [
        "  its temporary address has been removed; this gives it another ADDRESS:",
        f"  {client(request.cloud, f'floating ip create --port {at.id} {request.pool}')}",
        f"  {by_hand(here, keys)}",
        "  and this removes it afterwards, which nothing else does:",
        f"  {client(request.cloud, 'floating ip delete ADDRESS')}",
    ]
