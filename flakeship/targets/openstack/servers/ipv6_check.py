"""The check of a server whose port has IPv6 addresses: it answers there as it does over IPv4."""

from __future__ import annotations

from dataclasses import replace

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import SSH
from flakeship.model.ports import Port as Declared
from flakeship.ssh import connection
from flakeship.system import tcp as wire
from flakeship.system.backoff import backoff
from flakeship.targets.openstack.network import access
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.verify.checks import outside, probe
from flakeship.verify.checks.scheduled import Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.route import Route

SLAAC = 60.0
"""Seconds for a server to take its address: it asks for a router less and less often."""

KNOCK = 2.0
"""Seconds for an answer before another way is tried."""


def check(request: VerifyServerRequest, at: Port, subject: Subject) -> str:
    """All declared TCP ports answer, from here or from a peer; or there is no way to look, and why.

    Restricted ones are left out: they may be open to IPv4 addresses only.
    A silence is the server's fault where its network leads here (`direct`), or a peer sees it too.
    """
    _taken(at, subject)
    address, restricted = at.ipv6[0], request.restricted
    if SSH in restricted:
        return f"{address} is set; not looked at: tcp {SSH} is not open to everybody"
    tcp = (p for p in subject.request.ports if p.protocol != "udp")
    open_ones = (p for p in tcp if not (p.needs_data or p.port in restricted))
    ports = {SSH: Declared(port=SSH, protocol="ssh"), **{p.port: p for p in open_ones}}
    seen = replace(subject.route, address=address, ports={number: number for number in ports})
    try:
        wire.exchange(address, SSH, seconds=KNOCK, enough=wire.a_line)
    except ConnectionRefusedError as error:
        raise Failed(f"{address}: tcp {SSH} is refused") from error
    except OSError as error:
        why = error.strerror or str(error)
        if request.jump and not subject.route.serving:
            return _from_peer(request, request.jump, subject.route, address, ports)
        if request.reach == "direct" and isinstance(error, TimeoutError):
            raise Failed(f"{address}: tcp {SSH} does not answer: {why}") from error
        return f"{address} is set; not looked at: this machine has no way there ({why})"
    return f"{address}: {_answers(seen, ports)}; seen from this machine"


def _taken(at: Port, subject: Subject) -> None:
    """The server has set the addresses that its port has: others the cloud lets through nothing."""
    known = subject.facts()
    for _ in backoff(SLAAC):
        missing = {*at.ipv6} - {each.address for each in known.addresses}
        if not missing:
            return
        known = probe.run(subject.shell, "addresses")
    has = [a.address for a in known.addresses if ":" in a.address and a.interface != "lo"]
    raise Failed(f"{', '.join(sorted(missing))} is not set, but {', '.join(has) or 'none'}")


def _from_peer(
    request: VerifyServerRequest,
    jump: Bastion,
    route: Route,
    address: str,
    ports: dict[int, Declared],
) -> str:
    name = jump.name
    try:
        with connection.Connection(access.endpoint(request, jump), jump.host_keys) as peer:
            peer.connect(access.SECONDS)
            forwards = {number: peer.forward(address, number) for number in ports}
            seen = replace(route, address=wire.LOOPBACK, ports=forwards)
            return f"{address}: {_answers(seen, ports)}; seen from {name}"
    except FlakeshipError as error:
        where = f"not from here, not from {name}: {error}"
        return f"{address} is set; no way to look at it: {where}"


def _answers(seen: Route, ports: dict[int, Declared]) -> str:
    for each in ports.values():
        outside.answers_on(seen, each, outside.PATIENCE)
    return f"tcp {', '.join(map(str, sorted(ports)))} answer"
