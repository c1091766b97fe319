"""Checks of what a machine says of itself: facts and request in, evidence out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial

from flakeship.checks.facts import Facts, Listener
from flakeship.checks.firewall import Ports
from flakeship.checks.verdict import Failed, judge
from flakeship.requests import Check, VerifyRequest

SSH = 22
DHCP_CLIENTS = (68, 546)
"""UDP ports on which a DHCP client listens (IPv4, IPv6): the only undeclared ones."""

FILLED = 85
"""Percent of the disk that the root file system has at least: the rest is boot and metadata."""


def toplevel(facts: Facts, request: VerifyRequest) -> str:
    """The running system is the release's."""
    found = facts.text("toplevel")
    if found != request.toplevel:
        raise Failed(f"{found} is running, the release is {request.toplevel}")
    return found


def sudo(facts: Facts, request: VerifyRequest) -> str:
    """The user becomes root without a password."""
    uid = facts.text("sudo")
    if uid != "0":
        said = facts.refusal or f"the user id is {uid}"
        raise Failed(f"`sudo -n` does not make {request.user} root: {said}")
    return f"{request.user} may use sudo"


def dhcp(facts: Facts, request: VerifyRequest) -> str:
    """The address in the server's subnet is a lease, not written down anywhere."""
    subnet = ipaddress.ip_network(request.subnet)
    inside = [a for a in facts.addresses if ipaddress.ip_address(a.address) in subnet]
    if not inside:
        others = [a.address for a in facts.addresses if a.interface != "lo"]
        raise Failed(f"no address in {subnet}, only: {', '.join(others) or 'none at all'}")
    for found in inside:
        if not found.dynamic or found.lifetime is None:
            raise Failed(f"{found.address} on {found.interface} is static, not a DHCP lease")
    return "; ".join(f"{a.address} on {a.interface}, lease of {a.lifetime} s" for a in inside)


def listeners(facts: Facts, request: VerifyRequest) -> str:
    """The declared ports have a listener, and nothing else listens beyond loopback.

    A port that waits for data disks may have one.
    """
    declared = declared_ports(request)
    outward = [listener for listener in facts.listeners if not listener.loopback]
    strangers = [listener for listener in outward if not _expected(listener, declared)]
    if strangers:
        raise Failed(
            f"not declared: {', '.join(map(str, strangers))}: "
            "declare the port, bind it to loopback or switch the service off"
        )
    if missing := unheard(facts, request):
        raise Failed(f"nothing listens on the declared port {_numbers(missing)}")
    clients = sorted({listener.port for listener in outward if listener.protocol == "udp"})
    dhcp_client = f", the DHCP client on udp {_numbers(clients)}" if clients else ""
    heard = {listener.port for listener in outward if listener.protocol == "tcp"}
    return f"tcp {_numbers(heard)}{dhcp_client}"


def firewall(facts: Facts, request: VerifyRequest) -> str:
    """The firewall lets in the declared ports and refuses all others, for IPv4 and for IPv6."""
    declared = Ports(tcp=sum(1 << port for port in declared_ports(request)))
    allowed = declared | Ports(udp=sum(1 << port for port in DHCP_CLIENTS))
    families = {"ip": "IPv4"}
    if any(":" in a.address and a.interface != "lo" for a in facts.addresses):
        families["ip6"] = "IPv6"
    for family, name in families.items():
        opened = facts.firewall(family).opened()
        if opened is None:
            raise Failed(f"{name}: no chain for incoming packets drops or rejects anything")
        if opened - allowed:
            raise Failed(f"{name}: open, but not declared: {opened - allowed}")
        if declared - opened:
            raise Failed(f"{name}: declared, but not open: {declared - opened}")
    return f"{' and '.join(families.values())}: {declared}, all else is refused"


def root_size(facts: Facts, request: VerifyRequest) -> str:
    """The root file system has grown to its disk."""
    said = f"{facts.root_mib} MiB of a disk of {request.disk} MiB"
    if facts.root_mib * 100 < request.disk * FILLED:
        raise Failed(f"{said}: less than {FILLED} %, it has not grown")
    return said


def system(facts: Facts, _request: VerifyRequest) -> str:
    """All units are up."""
    state, failed = facts.state, facts.failed_units
    if failed:
        said = facts.reasons
        why = f"; the last they said: {said}" if said else ""
        raise Failed(f"{state}, failed units: {', '.join(failed)}{why}")
    if state != "running":
        raise Failed(f"the system is {state}, not running")
    return f"running, no failed units, boot {facts.text('boot')}"


Verdict = Callable[[Facts, VerifyRequest], str]

CHECKS: dict[str, tuple[Verdict, tuple[str, ...]]] = {
    "toplevel": (toplevel, ("toplevel",)),
    "sudo": (sudo, ("sudo",)),
    "dhcp": (dhcp, ("addresses",)),
    "listeners": (listeners, ("listeners",)),
    "firewall": (firewall, ("nft", "iptables", "ip6tables")),
    "root-size": (root_size, ("root",)),
    "system": (system, ("state", "failed")),
}
"""Each check by its name, with the probe's sections that it reads."""


def evidence(facts: Facts, request: VerifyRequest) -> list[Check]:
    """Run all of them. Their milliseconds are the machine's own, to 10 ms."""
    return [
        judge(name, partial(check, facts, request), facts.milliseconds(*sections))
        for name, (check, sections) in CHECKS.items()
    ]


def declared_ports(request: VerifyRequest) -> set[int]:
    """The TCP ports that may be reached: SSH and the server's own."""
    return {SSH, *(port.port for port in request.ports)}


def unheard(facts: Facts, request: VerifyRequest) -> set[int]:
    """The declared ports on which nothing listens beyond loopback (yet), and should by now."""
    heard = {s.port for s in facts.listeners if s.protocol == "tcp" and not s.loopback}
    waiting = {port.port for port in request.ports if port.data}
    return declared_ports(request) - waiting - heard


def _expected(listener: Listener, declared: set[int]) -> bool:
    return listener.port in (declared if listener.protocol == "tcp" else DHCP_CLIENTS)


def _numbers(ports: set[int] | list[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
