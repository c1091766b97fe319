"""Rules of a packet filter, as all programs mean them, and the packets that they are asked of."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flakeship.verify.checks.port_sets import ALL, NONE, PortSet

Family = Literal["ip", "ip6"]
Verdict = Literal["accept", "deny", "forward", "jump", "goto", "return"]
VERDICTS: Mapping[str, Verdict] = {
    "ACCEPT": "accept",
    "DROP": "deny",
    "REJECT": "deny",
    "RETURN": "return",
    # to another port, of this machine or of a container behind it, past the chains for input
    "DNAT": "forward",
    "REDIRECT": "forward",
    "NETMAP": "forward",
}
# targets of iptables after which the next rule decides
PASSING = {
    *("LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "TEE", "MARK", "CONNMARK", "SECMARK"),
    *("CONNSECMARK", "HMARK", "SET", "CT", "NOTRACK", "CLASSIFY", "DSCP", "TOS", "TCPMSS"),
    *("RATEEST", "IDLETIMER", "LED", "CHECKSUM", "TTL", "HL"),
}
# of a connection: no packet that comes in from other machines as its first has them. One with a
# translated destination (DNAT) has: those ports count where they are translated
KNOWN_STATES = {"ESTABLISHED", "RELATED", "INVALID", "DNAT"}


@dataclass(frozen=True)
class Arrival:
    """How the packets of other machines come to this one: what a rule may ask beside their port.

    `interfaces` are those with another machine behind them, `addresses` those of the machine (and
    their broadcast addresses), for one family; empty: any but loopback.
    """

    family: Family = "ip"
    interfaces: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def by(self, pattern: str) -> Match:
        """Those that come in by an interface; `eth+` and `eth*` are all whose name begins so."""
        wild = pattern.endswith(("+", "*"))
        names = {
            name
            for name in self.interfaces
            if name == pattern or (wild and name.startswith(pattern[:-1]))
        }
        if names:
            return Match(ALL, exact=names == self.interfaces)
        if pattern == "lo":
            return Match(NONE, exact=True)
        inner = Match(NONE, exact=True, only=frozenset({pattern}))
        return inner if self.interfaces else Match(ALL)

    def to(self, network: str) -> Match:
        """Those that are sent to an address in a network, or to a group that the machine is in."""
        try:
            wanted = ipaddress.ip_network(network, strict=False)
        except ValueError:
            return Match(ALL)
        if not self.addresses or wanted.is_multicast or network.startswith("255.255.255.255"):
            return Match(ALL)
        inside = any(ipaddress.ip_address(each) in wanted for each in self.addresses)
        return Match(ALL) if inside else Match(NONE, exact=True)


@dataclass(frozen=True)
class Match:
    """The ports of the new packets from other machines that a condition may match.

    `exact`: it matches all packets to these ports. `only`: the interfaces that it asks for which
    are not among those of other machines.
    """

    ports: PortSet = ALL
    exact: bool = False
    only: frozenset[str] = frozenset()

    def __and__(self, other: Match) -> Match:
        exact = self.exact and other.exact
        return Match(self.ports & other.ports, exact, self.only | other.only)

    def __or__(self, other: Match) -> Match:
        exact = self.exact and other.exact
        return Match(self.ports | other.ports, exact, self.only | other.only)

    def negated(self, among: PortSet = ALL) -> Match:
        """The same condition with `not`; `among` are the ports of packets that it is asked of."""
        return Match(among - self.ports, exact=True) if self.exact else Match(among)


@dataclass(frozen=True)
class Rule:
    """What a rule does with the packets that it matches."""

    verdict: Verdict
    match: Match = Match(exact=True)
    target: str = ""  # the chain of a jump or goto
    source: str = ""  # where a person finds it


@dataclass(frozen=True)
class Chain:
    """The rules of a chain in their order."""

    denies: bool = False  # a base chain whose policy is to drop
    rules: list[Rule] = field(default_factory=list)
