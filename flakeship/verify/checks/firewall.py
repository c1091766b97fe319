"""Which ports a packet filter opens to other machines, whichever program wrote it.

What is not understood counts as more open than it may be: that can fail a check, and never passes
one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flakeship.verify.checks.port_sets import ALL, NONE, PortSet
from flakeship.verify.checks.rules import Chain, Verdict

DEEPEST = 100  # chains that lead to each other: the kernel allows sixteen


@dataclass(frozen=True)
class Firewall:
    """The chains by name, and the names of the base chains, each of which sees every packet.

    A packet comes in when all of `inputs` accept it, or before them when one of `translations`
    sends it to another port. `foreign` are base chains that this reader does not understand whole.

    Example, in the words of iptables:

        INPUT (policy accept):  jump fw
        fw:                     tcp 22 accept; tcp 80 return; jump refuse
        refuse:                 drop

    What it opens is what `fw` accepts, tcp 22, and what leaves `fw` before the refusal: a packet to
    tcp 80 returns to `INPUT`, whose policy accepts it. If that were to drop, it would be closed.
    """

    chains: Mapping[str, Chain]
    inputs: Sequence[str]
    translations: Sequence[str] = ()
    foreign: frozenset[str] = frozenset()

    @cached_property
    def accepted(self) -> PortSet:
        """The ports that every chain for input accepts; all where there is none."""
        opened = ALL
        for name in self.inputs:
            opened &= self._accepted_by(name)
        return opened

    @cached_property
    def forwarded(self) -> PortSet:
        """The ports that lead to another port of this machine, or to a container behind it."""
        walk = _Walk(self.chains, "forward")
        return PortSet.union(walk.through(name).met for name in self.translations)

    @property
    def opened(self) -> PortSet:
        """The ports that other machines reach."""
        return self.accepted | self.forwarded

    @property
    def denies(self) -> bool:
        """Whether it refuses anything."""
        return self.accepted != ALL

    def trusted(self) -> set[str]:
        """The inner interfaces on which more is accepted."""
        return {
            interface
            for name in self.reachable(self.inputs)
            for rule in self.chains[name].rules
            for interface in rule.match.only
            if not rule.match.ports and rule.verdict not in ("deny", "return")
        }

    def opening(self, ports: PortSet) -> list[str]:
        """The rules that open some of these ports, in the words of their program."""
        refusing = [name for name in self.inputs if self._accepted_by(name) != ALL]
        found = []
        for name in sorted(self.reachable([*refusing, *self.translations])):
            for rule in self.chains[name].rules:
                ends = rule.verdict in ("accept", "forward")
                unknown = bool(rule.target) and rule.target not in self.chains
                if (ends or unknown) and rule.match.ports & ports and rule.source not in found:
                    found.append(rule.source)
        return found

    def reachable(self, bases: Sequence[str]) -> set[str]:
        """The names of the chains that a packet may come to from base chains."""
        found: set[str] = set()
        names = list(bases)
        while names:
            name = names.pop()
            if name not in found and name in self.chains:
                found.add(name)
                names += [rule.target for rule in self.chains[name].rules if rule.target]
        return found

    def _accepted_by(self, name: str) -> PortSet:
        passed = _Walk(self.chains, "accept").through(name)
        denies = name in self.chains and self.chains[name].denies
        return passed.met if denies else passed.met | passed.left


@dataclass(frozen=True)
class _Passed:
    """Of the packets to all ports: which may meet the verdict, and which may leave the chain."""

    met: PortSet
    left: PortSet


class _Walk:
    """Follows packets through chains. Each port is on its own, so one walk of a chain is enough."""

    def __init__(self, chains: Mapping[str, Chain], wanted: Verdict) -> None:
        self.chains = chains
        self.wanted = wanted
        self._passed: dict[str, _Passed] = {}

    def through(self, name: str, depth: int = 0) -> _Passed:
        if name not in self.chains or depth > DEEPEST:
            return _Passed(ALL, ALL)  # a target that is not understood
        if name not in self._passed:
            self._passed[name] = _Passed(NONE, NONE)  # a circle, which no kernel accepts
            self._passed[name] = self._follow(self.chains[name], depth + 1)
        return self._passed[name]

    def _follow(self, chain: Chain, depth: int) -> _Passed:
        met, left, inside = NONE, NONE, ALL
        for rule in chain.rules:
            matched, back = inside & rule.match.ports, NONE
            if rule.verdict == self.wanted:
                met |= matched
            elif rule.verdict == "return":
                left |= matched
            elif rule.target:
                target = self.through(rule.target, depth)
                met |= matched & target.met
                back = matched & target.left
                if rule.verdict == "goto":
                    left, back = left | back, NONE
            if rule.match.exact:
                inside = (inside - matched) | back
        return _Passed(met, left | inside)
