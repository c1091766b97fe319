"""Checks of what listens in a machine, and of what its firewall lets in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flakeship.model.ports import SSH, Port
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import probe
from flakeship.verify.checks.facts import Facts, Listener, Subject
from flakeship.verify.checks.filters import filters
from flakeship.verify.checks.port_sets import ALL, NONE, PortSet
from flakeship.verify.checks.rules import Family
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import VerifyRequest

# where a DHCP client listens (IPv4, IPv6): the only ports that need no declaration
DHCP_CLIENTS = PortSet.of([("udp", 68), ("udp", 546)])
FAMILIES: Mapping[str, Family] = {"IPv4": "ip", "IPv6": "ip6"}
SHOWN = 3  # rules that a message names, of so many characters each
RULE = 120
COMM = 15  # characters of a process' name that the kernel keeps


@dataclass(frozen=True)
class Declared:
    """What a server's settings allow to listen, and to be open."""

    ports: list[Port]

    @property
    def fixed(self) -> PortSet:
        """The ports on which something has to listen."""
        return _spans(port for port in self.ports if port.fixed) | PortSet.of([("tcp", SSH)])

    @property
    def open(self) -> PortSet:
        """The ports that the firewall has to open: ranges, too."""
        return self.fixed | _spans(self.ports)

    def by_process(self, listener: Listener) -> bool:
        """Whether its process may listen on any port."""
        return any(
            port.process[:COMM] == listener.process and port.transport == listener.protocol
            for port in self.ports
            if port.process
        )


def listeners(subject: Subject) -> str:
    """The declared ports have a listener, and no other one has that can be reached.

    Beyond the firewall nobody reaches a port that it refuses, so that one is only told: the client
    of a VPN listens on another one at each start, and has no number to declare.
    """
    facts, declared = subject.facts(), Declared(subject.request.ports)
    outward = facts.outward
    strangers = [
        each
        for each in outward
        if _ports([each]) - declared.open - DHCP_CLIENTS and not declared.by_process(each)
    ]
    opened, why = _reachable(facts) if strangers else (NONE, "")
    if reached := [str(each) for each in strangers if _ports([each]) & opened]:
        raise Failed(
            f"not declared: {', '.join(reached)}{why}: declare the port or the process, bind it "
            "to loopback or disable the service"
        )
    if missing := missing_listeners(facts, subject.request):
        raise Failed(f"declared, but nothing listens on {missing}")
    return _seen(outward, strangers, declared, facts)


def firewall(subject: Subject) -> str:
    """The firewall opens the declared ports and no others, for IPv4 and for IPv6."""
    facts, declared = subject.facts(), Declared(subject.request.ports)
    allowed, seen = declared.open | DHCP_CLIENTS | _of_processes(facts, declared), {}
    for name, family in families(facts).items():
        found = seen[name] = filters(facts, family)
        opened = found.opened
        if opened is None:
            raise Failed(f"{name}: no chain for incoming packets drops or rejects anything")
        if undeclared := opened - allowed:
            rules = _shown(found.opening(undeclared))
            raise Failed(f"{name}: open, but not declared: {undeclared}{rules}")
        if missing := declared.open - opened:
            raise Failed(f"{name}: declared, but not open: {missing}")
    forwarded = PortSet.union(found.forwarded for found in seen.values())
    trusted = sorted({name for found in seen.values() for name in found.trusted})
    return "".join(
        [
            f"{' and '.join(seen)}: {declared.open}, all others are refused",
            f"; forwarded to other ports or containers: {forwarded}" if forwarded else "",
            f"; not asked: what is open on {', '.join(trusted)}" if trusted else "",
        ]
    )


def families(facts: Facts) -> dict[str, Family]:
    """IPv4, and IPv6 where the machine has an address of it."""
    found = dict(FAMILIES)
    if not any(":" in each.address and each.interface != "lo" for each in facts.addresses):
        del found["IPv6"]
    return found


def missing_listeners(facts: Facts, request: VerifyRequest) -> PortSet:
    """The declared ports that should have a listener by now; none where it reports no listeners.

    A port that is forwarded to a container needs none.
    """
    try:
        present = _ports(facts.outward)
    except Failed:
        return NONE
    later = _spans(port for port in request.ports if port.needs_data)
    missing = Declared(request.ports).fixed - later - present
    return missing - _forwarded(facts) if missing else NONE


def await_listeners(facts: Facts, request: VerifyRequest, shell: Shell, patience: float) -> Facts:
    """The current listeners, too; UDP services, which nothing has waited for, have `patience` s."""
    own = [port.timeout or 0 for port in request.ports if port.protocol == "udp"]
    for _ in backoff(max([patience, *own])):
        facts = facts.updated(probe.run(shell, "listeners"))
        if not missing_listeners(facts, request).udp:
            break
    return facts


def _seen(
    outward: list[Listener], strangers: list[Listener], declared: Declared, facts: Facts
) -> str:
    """The evidence of the listeners."""
    found = _ports(outward)
    clients = (found & DHCP_CLIENTS) - declared.open
    named = [each for each in outward if declared.by_process(each)]
    only = found & declared.fixed - _ports(each for each in outward if not each.only_ipv4)
    unprobed = " (UDP ports are not probed over the network)" if declared.open.udp else ""
    return "".join(
        [
            f"{found & declared.open}{unprobed}",
            f", the DHCP client on {clients}" if clients else "",
            f", by process: {', '.join(map(str, named))}" if named else "",
            f"; on IPv4 alone: {only}" if only and _has_ipv6(facts) else "",
            f"; closed by the firewall: {', '.join(map(str, strangers))}" if strangers else "",
        ]
    )


def _reachable(facts: Facts) -> tuple[PortSet, str]:
    """The ports that the firewall opens in one of the families; all, and why, if unreadable."""
    opened = NONE
    try:
        for family in families(facts).values():
            found = filters(facts, family).opened
            opened |= ALL if found is None else found
    except Failed as failed:
        return ALL, f" (the firewall may open it: {failed})"
    return opened, ""


def _forwarded(facts: Facts) -> PortSet:
    try:
        return PortSet.union(filters(facts, each).forwarded for each in families(facts).values())
    except Failed:
        return NONE


def _of_processes(facts: Facts, declared: Declared) -> PortSet:
    try:
        return _ports(each for each in facts.outward if declared.by_process(each))
    except Failed:
        return NONE


def _has_ipv6(facts: Facts) -> bool:
    """Whether the machine has an address that others than its neighbours know."""
    found = (ipaddress.ip_address(each.address) for each in facts.addresses)
    return any(each.version == 6 and not (each.is_link_local or each.is_loopback) for each in found)


def _spans(ports: Iterable[Port]) -> PortSet:
    return PortSet.union(
        PortSet.span([port.transport], *port.numbers) for port in ports if port.numbers
    )


def _ports(listeners: Iterable[Listener]) -> PortSet:
    return PortSet.of((listener.protocol, listener.port) for listener in listeners)


def _shown(rules: list[str]) -> str:
    """The rules that open a port, for a message."""
    cut = [rule if len(rule) <= RULE else f"{rule[:RULE]}…" for rule in rules]
    more = f" and {len(cut) - SHOWN} more" if len(cut) > SHOWN else ""
    return f", by {', '.join(cut[:SHOWN])}{more}" if cut else ""
