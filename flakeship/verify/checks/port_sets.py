"""Sets of TCP and UDP ports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
