"""What a run does to a stack, in a few lines above everything else, and what it has done."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flakeship.rollout.changes import ServerChange, Use
from flakeship.rollout.story import Story, listed

MOST = 10  # lines
NAMED = 3  # servers in a line that is about more of them
DISKS = 12  # that are named where data is destroyed


@dataclass(frozen=True)
class Summary:
    """The changes of a stack's servers; those that nothing happens to are left out."""

    servers: Sequence[ServerChange] = ()
    quota: Sequence[Use] = ()

    @property
    def planned(self) -> str:
        """What a run will do, in at most ten lines; empty where it does nothing to a server."""
        return "\n".join(self._lines(done=False))

    @property
    def done(self) -> str:
        """The same where everything has succeeded but the removals, which come last."""
        return "\n".join(self._lines(done=True))

    def _lines(self, *, done: bool) -> list[str]:
        # servers that go come first: what is cut is never what destroys
        changes = sorted((c for c in self.servers if c.changes), key=lambda c: bool(c.machine))
        last = [*_destroyed(changes, done=done), *(_quota(self.quota) if changes else ())]
        room = MOST - len(last)
        told = _told(changes, done=done, together=NAMED + 1)
        if len(told) > room:
            told = _told(changes, done=done, together=2)
        if len(told) > room:
            number = sum(number for number, _ in told[room - 1 :])
            told = [*told[: room - 1], (number, f"and {number} more servers")]
        return [line for _, line in told] + last


def _told(changes: Sequence[ServerChange], *, done: bool, together: int) -> list[tuple[int, str]]:
    """Lines about servers, each with the number of these.

    Servers are in one line where at least that many differ in their names alone.
    """
    groups: dict[str, list[ServerChange]] = defaultdict(list)
    for change in changes:
        groups[Story(change, done=done, many=True).text].append(change)
    told: list[tuple[int, str]] = []
    for text, group in groups.items():
        names = [each.server for each in group]
        if len(group) >= together:
            told.append((len(group), f"{_names(names)}: {text}"))
        else:
            told += [(1, f"{each.server}: {Story(each, done=done).text}") for each in group]
    return told


def _destroyed(changes: Sequence[ServerChange], *, done: bool) -> list[str]:
    """The line about data that is lost; it is marked."""
    found = [each for change in changes for each in change.destroyed]
    if not found:
        return []
    more = len(found) - DISKS
    named = [*found[:DISKS], *([f"{more} more"] if more > 0 else [])]
    be = "being destroyed" if done else "will be destroyed"
    return [f"! {be} with all data: {listed(named)}"]


def _quota(uses: Sequence[Use]) -> list[str]:
    """The line about the quota; none where the run changes nothing of what is used."""
    parts: list[str] = []
    for use in uses:
        if use.before == use.after == use.during:
            continue
        unit = f" {use.unit}" if use.unit else ""
        steady = f"{use.before} -> {use.after}" if use.before != use.after else f"{use.after}"
        words = "" if any("(" in part for part in parts) else " during the rollout"
        peak = f" ({use.during}{words})" if use.during > max(use.before, use.after) else ""
        parts.append(f"{use.name} {steady}{unit}{peak}")
    return [f"quota used by this stack: {', '.join(parts)}"] if parts else []


def _names(servers: Sequence[str]) -> str:
    """The names of servers in one line: `web-1 ... web-16 (16 servers)`."""
    if len(servers) <= NAMED:
        return listed(servers)
    split = [re.fullmatch(r"(.*-)([0-9]+)", name) for name in servers]
    parts = [(found[1], int(found[2])) for found in split if found]
    follow = all(a == (b[0], b[1] - 1) for a, b in pairwise(parts))
    if len(parts) == len(servers) and follow:
        return f"{servers[0]} ... {servers[-1]} ({len(servers)} servers)"
    return f"{', '.join(servers[:NAMED])} and {len(servers) - NAMED} more"
