"""Checks of what a machine says of itself: facts and request in, evidence out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from functools import partial

from flakeship.model.evidence import CheckResult
from flakeship.model.ports import SSH
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts, Listener, probe
from flakeship.verify.checks.firewall import NONE, Ports
from flakeship.verify.checks.verdict import Failed, judge
from flakeship.verify.request import VerifyRequest

DHCP_CLIENTS = Ports.of([("udp", 68), ("udp", 546)])
"""Where a DHCP client listens (IPv4, IPv6): the only undeclared ones."""

FILLED = 85
"""Percent of the disk that the root file system has at least: the rest is boot and metadata."""
BESIDE_POOL = 1600
"""MiB of the disk that a ZFS pool may lack: 1 GiB for boot, and up to a metaslab of 512 MiB."""


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


def dhcp(facts: Facts, network: str) -> str:
    """The address in the machine's network is a lease, not written down anywhere."""
    subnet = ipaddress.ip_network(network)
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
    allowed = declared | DHCP_CLIENTS
    outward = [listener for listener in facts.listeners if not listener.loopback]
    strangers = [listener for listener in outward if _ports([listener]) - allowed]
    if strangers:
        raise Failed(
            f"not declared: {', '.join(map(str, strangers))}: "
            "declare the port, bind it to loopback or switch the service off"
        )
    if missing := unheard(facts, request):
        raise Failed(f"declared, but nothing listens on {missing}")
    clients = _ports(outward) - declared
    unasked = " (UDP is not asked from outside)" if declared.udp else ""
    dhcp_client = f", the DHCP client on {clients}" if clients else ""
    return f"{_ports(outward) & declared}{unasked}{dhcp_client}"


def firewall(facts: Facts, request: VerifyRequest) -> str:
    """The firewall lets in the declared ports and refuses all others, for IPv4 and for IPv6."""
    declared = declared_ports(request)
    allowed = declared | DHCP_CLIENTS
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
    pool, disk = facts.pool_mib, request.disk
    least = disk * FILLED // 100
    if pool is not None:
        least = min(least, disk - BESIDE_POOL)
    found, what = (facts.root_mib, "") if pool is None else (pool, " (a ZFS pool)")
    said = f"{found} MiB of a disk of {disk} MiB{what}"
    if found < least:
        raise Failed(f"{said}: less than {least} MiB, it has not grown")
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
    "listeners": (listeners, ("listeners",)),
    "firewall": (firewall, ("nft", "iptables", "ip6tables")),
    "root-size": (root_size, ("root",)),
    "system": (system, ("state", "failed")),
}
"""Each check by its name, with the probe's sections that it reads."""


def evidence(facts: Facts, request: VerifyRequest, subnet: str) -> list[CheckResult]:
    """Run all of them. Their milliseconds are the machine's own, to 10 ms.

    `subnet` is the network that the machine's address is in; only a lease is checked for it.
    """
    found = [
        judge(name, partial(check, facts, request), facts.milliseconds(*sections))
        for name, (check, sections) in CHECKS.items()
    ]
    if request.addressing == "dhcp":
        lease = judge("dhcp", partial(dhcp, facts, subnet), facts.milliseconds("addresses"))
        found.insert(2, lease)
    return found


def declared_ports(request: VerifyRequest) -> Ports:
    """The ports that may be reached: SSH and the server's own."""
    own = ((port.transport, port.port) for port in request.ports)
    return Ports.of([("tcp", SSH), *own])


def unheard(facts: Facts, request: VerifyRequest) -> Ports:
    """The declared ports on which nothing listens beyond loopback (yet), and should by now.

    None where the machine does not tell.
    """
    try:
        heard = _ports(each for each in facts.listeners if not each.loopback)
    except Failed:
        return NONE
    waiting = Ports.of((p.transport, p.port) for p in request.ports if p.needs_data)
    return declared_ports(request) - waiting - heard


def listened(facts: Facts, request: VerifyRequest, shell: Shell, patience: float) -> Facts:
    """The facts with the listeners as they are now: a service may be up before it listens.

    UDP ports, which answer nobody, have `patience` seconds. Raises CommandError.
    """
    for _ in backoff(patience):
        facts = facts.updated(probe(request.machine, shell, "listeners"))
        if not unheard(facts, request).udp:
            break
    return facts


def _ports(sockets: Iterable[Listener]) -> Ports:
    return Ports.of((each.protocol, each.port) for each in sockets)
