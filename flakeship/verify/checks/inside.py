"""Checks of what a machine reports of itself: facts and request in, evidence out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from flakeship.model.ports import SSH
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import probe
from flakeship.verify.checks.facts import Facts, Listener
from flakeship.verify.checks.firewall import NONE, PortSet
from flakeship.verify.checks.scheduled import ScheduledCheck, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import VerifyRequest

DHCP_CLIENTS = PortSet.of([("udp", 68), ("udp", 546)])
"""Where a DHCP client listens (IPv4, IPv6): the only ports that need no declaration."""

FILLED = 85
"""The least percentage of the disk in the root file system: the rest is boot and metadata."""

BESIDE_POOL = 1600
"""MiB of the disk that a ZFS pool may lack: 1 GiB for boot, and up to a metaslab of 512 MiB."""


def toplevel(subject: Subject) -> str:
    """The running system is the release's."""
    running, expected = subject.facts().text("toplevel"), subject.request.toplevel
    if running != expected:
        raise Failed(f"{running} is running, the release is {expected}")
    return running


def sudo(subject: Subject) -> str:
    """The user becomes root without a password."""
    facts, user = subject.facts(), subject.request.user
    uid = facts.text("sudo")
    if uid != "0":
        reason = facts.refusal or f"the user id is {uid}"
        raise Failed(f"`sudo -n` does not make {user} root: {reason}")
    return f"{user} may use sudo"


def dhcp(subject: Subject) -> str:
    """The address in the machine's network is a lease, not configured in the machine."""
    facts, subnet = subject.facts(), ipaddress.ip_network(subject.route.subnet)
    own = [a for a in facts.addresses if ipaddress.ip_address(a.address) in subnet]
    if not own:
        others = [a.address for a in facts.addresses if a.interface != "lo"]
        raise Failed(f"no address in {subnet}, only: {', '.join(others) or 'none at all'}")
    for address in own:
        if not address.dynamic or address.lifetime is None:
            raise Failed(f"{address.address} on {address.interface} is static, not a DHCP lease")
    return "; ".join(f"{a.address} on {a.interface}, lease of {a.lifetime} s" for a in own)


def listeners(subject: Subject) -> str:
    """The declared ports have a listener, and nothing else listens beyond loopback.

    A port that needs data disks may have one already.
    """
    facts, declared = subject.facts(), declared_ports(subject.request)
    allowed = declared | DHCP_CLIENTS
    outward = [listener for listener in facts.listeners if not listener.loopback]
    undeclared = [listener for listener in outward if _ports([listener]) - allowed]
    if undeclared:
        raise Failed(
            f"not declared: {', '.join(map(str, undeclared))}: "
            "declare the port, bind it to loopback or disable the service"
        )
    if missing := missing_listeners(facts, subject.request):
        raise Failed(f"declared, but nothing listens on {missing}")
    clients = _ports(outward) - declared
    unprobed = " (UDP ports are not probed over the network)" if declared.udp else ""
    dhcp_client = f", the DHCP client on {clients}" if clients else ""
    return f"{_ports(outward) & declared}{unprobed}{dhcp_client}"


def firewall(subject: Subject) -> str:
    """The firewall opens the declared ports and no others, for IPv4 and for IPv6."""
    facts, declared = subject.facts(), declared_ports(subject.request)
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
    return f"{' and '.join(families.values())}: {declared}, all others are refused"


def root_size(subject: Subject) -> str:
    """The root file system has grown to its disk."""
    facts, disk = subject.facts(), subject.request.disk
    pool = facts.pool_mib
    least = disk * FILLED // 100
    if pool is not None:
        least = min(least, disk - BESIDE_POOL)
    size, kind = (facts.root_mib, "") if pool is None else (pool, " (a ZFS pool)")
    shown = f"{size} MiB of a disk of {disk} MiB{kind}"
    if size < least:
        raise Failed(f"{shown}: less than {least} MiB, it has not grown")
    return shown


def system(subject: Subject) -> str:
    """All units are up."""
    facts = subject.facts()
    state, failed = facts.state, facts.failed_units
    if failed:
        why = f"; their last log lines: {facts.reasons}" if facts.reasons else ""
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


def declared_ports(request: VerifyRequest) -> PortSet:
    """The ports that may be open: SSH and the server's own."""
    own = ((port.transport, port.port) for port in request.ports)
    return PortSet.of([("tcp", SSH), *own])


def missing_listeners(facts: Facts, request: VerifyRequest) -> PortSet:
    """The declared ports that have no listener beyond loopback (yet), and should by now.

    None of them where the machine does not report its listeners.
    """
    try:
        present = _ports(each for each in facts.listeners if not each.loopback)
    except Failed:
        return NONE
    later = PortSet.of((port.transport, port.port) for port in request.ports if port.needs_data)
    return declared_ports(request) - later - present


def await_listeners(facts: Facts, request: VerifyRequest, shell: Shell, patience: float) -> Facts:
    """The facts with the current listeners: a service may be up before it listens.

    UDP ports, which need not answer, have `patience` seconds. Raises CommandError.
    """
    for _ in backoff(patience):
        facts = facts.updated(probe.run(shell, "listeners"))
        if not missing_listeners(facts, request).udp:
            break
    return facts


def _ports(listeners: Iterable[Listener]) -> PortSet:
    return PortSet.of((listener.protocol, listener.port) for listener in listeners)
