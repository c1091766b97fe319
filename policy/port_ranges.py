"""Ranges of ports, and networks that are the whole Internet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

LAST = 65535
WIDEST = {4: 8, 6: 16}
"""The prefix lengths of the largest networks that anybody has: a larger one is the Internet."""


@dataclass(frozen=True)
class Range:
    """Ports from `first` to `last`."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    def meets(self, other: Range) -> bool:
        """Whether both have a port in common."""
        return self.first <= other.last and other.first <= self.last


EVERY = Range(0, LAST)


def parse(text: str) -> list[Range]:
    """The ranges of `22`, `5900-5999`, `5900:5999` or `80,443`; empty for anything else."""
    found = []
    for part in text.split(","):
        numbers = re.fullmatch(r"\s*([0-9]{1,5})(?:[-:]([0-9]{1,5}))?\s*", part)
        if not numbers:
            return []
        found.append(Range(int(numbers[1]), int(numbers[2] or numbers[1])))
    return found


def common(opened: Iterable[Range], given: Iterable[str]) -> list[str]:
    """Which of the given ranges have a port that is opened, as they were given."""
    ours = [*opened]
    return [text for text in given if any(a.meets(b) for a in ours for b in parse(text))]


def is_public(prefix: str) -> bool:
    """Whether a network is the Internet, or a part that is too large to be anybody's."""
    try:
        network = ip_network(prefix.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen < WIDEST[network.version] and not network.is_private
