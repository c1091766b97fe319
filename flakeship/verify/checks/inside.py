"""Checks of what a machine reports of itself: facts and request in, evidence out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from flakeship.model.ports import SSH
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks.facts import Facts, Listener, probe
from flakeship.verify.checks.firewall import NONE, Ports
from flakeship.verify.checks.scheduled import ScheduledCheck, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import VerifyRequest

DHCP_CLIENTS = Ports.of([("udp", 68), ("udp", 546)])
"""Where a DHCP client listens (IPv4, IPv6): the only undeclared ones."""

FILLED = 85
"""Percent of the disk that the root file system has at least: the rest is boot and metadata."""
BESIDE_POOL = 1600
"""MiB of the disk that a ZFS pool may lack: 1 GiB for boot, and up to a metaslab of 512 MiB."""


def toplevel(machine: Subject) -> str:
    """The running system is the release's."""
    found, wanted = machine.facts().text("toplevel"), machine.request.toplevel
    if found != wanted:
        raise Failed(f"{found} is running, the release is {wanted}")
    return found


def sudo(machine: Subject) -> str:
    """The user becomes root without a password."""
    facts, user = machine.facts(), machine.request.user
    uid = facts.text("sudo")
    if uid != "0":
        said = facts.refusal or f"the user id is {uid}"
        raise Failed(f"`sudo -n` does not make {user} root: {said}")
    return f"{user} may use sudo"


def dhcp(machine: Subject) -> str:
    """The address in the machine's network is a lease, not configured in the machine."""
    facts, subnet = machine.facts(), ipaddress.ip_network(machine.route.subnet)
    inside = [a for a in facts.addresses if ipaddress.ip_address(a.address) in subnet]
    if not inside:
        others = [a.address for a in facts.addresses if a.interface != "lo"]
        raise Failed(f"no address in {subnet}, only: {', '.join(others) or 'none at all'}")
    for found in inside:
        if not found.dynamic or found.lifetime is None:
            raise Failed(f"{found.address} on {found.interface} is static, not a DHCP lease")
    return "; ".join(f"{a.address} on {a.interface}, lease of {a.lifetime} s" for a in inside)


def listeners(machine: Subject) -> str:
    """The declared ports have a listener, and nothing else listens beyond loopback.

    A port that waits for data disks may have one.
    """
    facts, declared = machine.facts(), declared_ports(machine.request)
    allowed = declared | DHCP_CLIENTS
    outward = [listener for listener in facts.listeners if not listener.loopback]
    strangers = [listener for listener in outward if _ports([listener]) - allowed]
    if strangers:
        raise Failed(
            f"not declared: {', '.join(map(str, strangers))}: "
            "declare the port, bind it to loopback or switch the service off"
        )
    if missing := unheard(facts, machine.request):
        raise Failed(f"declared, but nothing listens on {missing}")
    clients = _ports(outward) - declared
    unasked = " (UDP is not asked from outside)" if declared.udp else ""
    dhcp_client = f", the DHCP client on {clients}" if clients else ""
    return f"{_ports(outward) & declared}{unasked}{dhcp_client}"


def firewall(machine: Subject) -> str:
    """The firewall lets in the declared ports and refuses all others, for IPv4 and for IPv6."""
    facts, declared = machine.facts(), declared_ports(machine.request)
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


def root_size(machine: Subject) -> str:
    """The root file system has grown to its disk."""
    facts, disk = machine.facts(), machine.request.disk
    pool = facts.pool_mib
    least = disk * FILLED // 100
    if pool is not None:
        least = min(least, disk - BESIDE_POOL)
    found, what = (facts.root_mib, "") if pool is None else (pool, " (a ZFS pool)")
    said = f"{found} MiB of a disk of {disk} MiB{what}"
    if found < least:
        raise Failed(f"{said}: less than {least} MiB, it has not grown")
    return said


def system(machine: Subject) -> str:
    """All units are up."""
    facts = machine.facts()
    state, failed = facts.state, facts.failed_units
    if failed:
        said = facts.reasons
        why = f"; the last they said: {said}" if said else ""
        raise Failed(f"{state}, failed units: {', '.join(failed)}{why}")
    if state != "running":
        raise Failed(f"the system is {state}, not running")
    return f"running, no failed units, boot {facts.text('boot')}"


LISTENERS = ScheduledCheck("listeners", "facts", listeners, ("listeners",))

CHECKS = (
    ScheduledCheck("toplevel", "facts", toplevel, ("toplevel",)),
    ScheduledCheck("sudo", "facts", sudo, ("sudo",)),
    ScheduledCheck("dhcp", "facts", dhcp, ("addresses",)),
    LISTENERS,
    ScheduledCheck("firewall", "facts", firewall, ("nft", "iptables", "ip6tables")),
    ScheduledCheck("root-size", "facts", root_size, ("root",)),
    ScheduledCheck("system", "facts", system, ("state", "failed")),
)
"""All of them, in the order of the evidence."""


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
