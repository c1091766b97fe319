"""Which ports a packet filter opens, whichever program wrote it.

What is not understood counts as more open than it may be: that can fail a check, and never passes
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True)
class PortSet:
    """A set of TCP and UDP ports: bit n stands for port n."""

    tcp: int = 0
    udp: int = 0

    @classmethod
    def span(cls, protocols: Sequence[str], first: int = 0, last: int = 65535) -> PortSet:
        """The ports from first to last of protocols, by name or number; others have no ports."""
        if not 0 <= first <= last <= 65535:
            raise ValueError(f"no ports: {first}-{last}")
        mask = (1 << last + 1) - (1 << first)
        tcp, udp = {"tcp", "6"} & {*protocols}, {"udp", "17"} & {*protocols}
        return cls(mask if tcp else 0, mask if udp else 0)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, int]]) -> PortSet:
        """The ports of these protocols and numbers."""
        return cls.union(cls.span([protocol], number, number) for protocol, number in pairs)

    @classmethod
    def union(cls, parts: Iterable[PortSet]) -> PortSet:
        """The ports that are in any of these sets."""
        found = cls()
        for part in parts:
            found |= part
        return found

    def __and__(self, other: PortSet) -> PortSet:
        return PortSet(self.tcp & other.tcp, self.udp & other.udp)

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet(self.tcp | other.tcp, self.udp | other.udp)

    def __sub__(self, other: PortSet) -> PortSet:
        return PortSet(self.tcp & ~other.tcp, self.udp & ~other.udp)

    def __bool__(self) -> bool:
        return bool(self.tcp or self.udp)

    def __str__(self) -> str:
        spans = []
        for protocol, mask in (("tcp", self.tcp), ("udp", self.udp)):
            for ones in re.finditer("1+", bin(mask)[:1:-1]):  # port 0 first
                first, last = ones.start(), ones.end() - 1
                spans.append(f"{protocol} {first}" + (f"-{last}" if last > first else ""))
        return ", ".join(spans) or "nothing"


ALL = PortSet.span(PROTOCOLS)
NONE = PortSet()

Verdict = Literal["accept", "deny", "jump", "goto", "return"]
VERDICTS: Mapping[str, Verdict] = {
    "ACCEPT": "accept",
    "DROP": "deny",
    "REJECT": "deny",
    "RETURN": "return",
}
KNOWN_STATES = {"ESTABLISHED", "RELATED", "INVALID"}  # of a connection; no new packet has them


@dataclass(frozen=True)
class Rule:
    """What a rule does with new packets from other machines to these ports."""

    verdict: Verdict
    ports: PortSet = ALL
    always: bool = False  # without any condition
    target: str = ""  # the chain of a jump or goto


@dataclass(frozen=True)
class Chain:
    """The rules of a chain in their order."""

    denies: bool = False  # a base chain whose policy is to drop
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True)
class Firewall:
    """The chains by name, and the names of those that see every incoming packet.

    Example, in the words of iptables:

        INPUT (policy accept):  jump fw
        fw:                     tcp 22 accept; tcp 80 return; jump refuse
        refuse:                 drop

    `INPUT` refuses, since it always jumps to `fw`, which always jumps to `refuse`. What it opens is
    what `fw` accepts, tcp 22, and what leaves `fw` before the refusal: a packet to tcp 80 returns
    early to `INPUT`, whose policy accepts it. If that policy were to drop, tcp 80 would be closed.
    """

    chains: Mapping[str, Chain]
    inputs: Sequence[str]

    def opened(self) -> PortSet | None:
        """The ports that are open; None where no chain refuses anything.

        The order of rules does not count: a port that is refused before it is accepted is open.
        """
        filters = [name for name in self.inputs if self._denies(name, ())]
        opened = ALL
        for name in filters:
            opened &= self._accepts(name, ALL, ())
        return opened if filters else None

    def reachable(self) -> set[str]:
        """The names of the chains that an incoming packet may come to."""
        found: set[str] = set()
        names = list(self.inputs)
        while names:
            name = names.pop()
            if name not in found and name in self.chains:
                found.add(name)
                names += [rule.target for rule in self.chains[name].rules if rule.target]
        return found

    def _accepts(self, name: str, ports: PortSet, path: tuple[str, ...]) -> PortSet:
        """Those of `ports` that a chain accepts; `path` are the chains that led to it."""
        if name in path:
            return NONE
        if name not in self.chains:
            return ports  # a target that is not understood
        path, accepted = (*path, name), NONE
        # A packet that returns early is not refused by the chain, but maybe by the base policy.
        early_is_open = self._denies(name, ()) and not self.chains[path[0]].denies
        for rule in self.chains[name].rules:
            if rule.verdict == "accept" or (early_is_open and self._returns_early(rule)):
                accepted |= ports & rule.ports
            elif rule.target and ports & rule.ports:
                accepted |= self._accepts(rule.target, ports & rule.ports, path)
        return accepted

    def _returns_early(self, rule: Rule) -> bool:
        """Whether packets leave the rule's chain: none comes back to it from a goto."""
        refused = self._denies(rule.target, ())
        return rule.verdict == "return" or (rule.verdict == "goto" and not refused)

    def _denies(self, name: str, path: tuple[str, ...]) -> bool:
        """Whether a chain refuses every packet that no rule of it accepts."""
        if name in path or name not in self.chains:
            return False
        chain = self.chains[name]
        return chain.denies or any(
            rule.verdict == "deny" or (rule.target and self._denies(rule.target, (*path, name)))
            for rule in chain.rules
            if rule.always
        )
