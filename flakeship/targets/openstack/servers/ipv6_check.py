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
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route

SLAAC = 60.0
"""Seconds for a server to configure its address: it asks for a router less and less often."""

KNOCK = 2.0
"""Seconds for an answer before another route is tried."""


def check(request: VerifyServerRequest, server_port: Port, subject: Subject) -> str:
    """All declared TCP ports answer over IPv6, to the workstation or to the bastion.

    Where neither has an IPv6 route the evidence says so. Restricted ports are left out: they may be
    open to IPv4 addresses only. A silence is the server's fault where its network is routed to the
    workstation (`direct`), or where the bastion meets it too.
    """
    _configured(server_port, subject)
    address, restricted = server_port.ipv6[0], request.restricted
    if SSH in restricted:
        return f"{address} is set; not probed: port {SSH} is restricted"
    tcp = (p for p in subject.request.ports if p.transport == "tcp")
    open_ones = (p for p in tcp if not (p.needs_data or p.port in restricted))
    ports = {SSH: Declared(port=SSH, protocol="ssh"), **{p.port: p for p in open_ones}}
    seen = replace(subject.route, address=address, ports={number: number for number in ports})
    try:
        wire.exchange(address, SSH, seconds=KNOCK, enough=wire.a_line)
    except ConnectionRefusedError as error:
        raise Failed(f"{address}: tcp {SSH} is refused") from error
    except OSError as error:
        why = error.strerror or str(error)
        if request.bastion and not subject.route.serving:
            return _from_bastion(request, request.bastion, subject.route, address, ports)
        if request.access == "direct" and isinstance(error, TimeoutError):
            raise Failed(f"{address}: tcp {SSH} does not answer: {why}") from error
        return f"{address} is set; not probed: the workstation has no route to it ({why})"
    return f"{address}: {_answers(seen, ports)}; seen from this machine"


def _configured(server_port: Port, subject: Subject) -> None:
    """Wait until the server has its port's addresses: the cloud lets no others through."""
    found = subject.facts()
    for _ in backoff(SLAAC):
        missing = {*server_port.ipv6} - {each.address for each in found.addresses}
        if not missing:
            return
        found = probe.run(subject.shell, "addresses")
    has = [a.address for a in found.addresses if ":" in a.address and a.interface != "lo"]
    raise Failed(f"{', '.join(sorted(missing))} is not set, but {', '.join(has) or 'none'}")


def _from_bastion(
    request: VerifyServerRequest,
    bastion: Bastion,
    route: Route,
    address: str,
    ports: dict[int, Declared],
) -> str:
    try:
        login = access.endpoint(request, bastion)
        with connection.Connection(login, bastion.host_keys) as through:
            through.connect(access.SECONDS)
            forwards = {number: through.forward(address, number) for number in ports}
            seen = replace(route, address=wire.LOOPBACK, ports=forwards)
            return f"{address}: {_answers(seen, ports)}; seen from {bastion.name}"
    except FlakeshipError as error:
        where = f"neither the workstation nor {bastion.name}: {error}"
        return f"{address} is set; not probed: no route to it from {where}"


def _answers(route: Route, ports: dict[int, Declared]) -> str:
    for port in ports.values():
        outside.answers_on(route, port, outside.PATIENCE)
    return f"tcp {', '.join(map(str, sorted(ports)))} answer"
