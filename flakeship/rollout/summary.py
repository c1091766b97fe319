"""What a run does to a stack, in a few lines above everything else, and what it has done."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flakeship.rollout.changes import ServerChange, Thing, Use

MOST = 10  # lines
NAMED = 3  # servers in a line that is about more of them
DISKS = 12  # that are named where data is destroyed
VERBS = {
    "take": ("takes", "take", "took"),
    "get": ("gets", "get", "got"),
    "stay": ("stays", "stay", "stayed"),
    "be": ("is", "are", "was"),
}
"""Of one machine, of several, and of either when it is done."""


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
        groups: dict[str, list[ServerChange]] = defaultdict(list)
        for change in changes:
            groups[_Story(change, done=done, many=True).text].append(change)
        told = [
            f"{_names([each.server for each in group])}: "
            + (many if len(group) > 1 else _Story(group[0], done=done).text)
            for many, group in groups.items()
        ]
        last = [*_destroyed(changes, done=done), *(_quota(self.quota) if changes else ())]
        room = MOST - len(last)
        if len(told) > room:
            rest = [*groups.values()][room - 1 :]
            number = sum(len(group) for group in rest)
            told = [*told[: room - 1], f"and {number} more servers"]
        return told + last


@dataclass(frozen=True)
class _Story:
    """The words about one server, or about `many` that differ in their names alone."""

    change: ServerChange
    done: bool = False
    many: bool = False

    @property
    def text(self) -> str:
        change = self.change
        if not change.machine:
            return f"no longer in the settings: {self._leaving()}"
        if change.temporary:
            return f"{self._new()}; it is verified, then removed"
        parts = (
            [self._stays()]
            if change.machine == change.before
            else [self._reasons(), self._arrival(), self._cutover(), self._standby()]
        )
        return "; ".join(part for part in (*parts, self._leaving()) if part)

    def _stays(self) -> str:
        in_place = ", ".join(self.change.in_place)
        stays = f"{self._id(self.change.machine)} {self._verb('stay')}"
        return f"{stays}, changed in place: {in_place}" if in_place else stays

    def _reasons(self) -> str:
        change = self.change
        release = f"{'rollback' if change.rollback else 'release'} {change.release}"
        replaces = change.release and change.before
        return ", ".join([*([release] if replaces else []), *change.reasons])

    def _arrival(self) -> str:
        """Where the machine comes from."""
        machine = self._id(self.change.machine)
        match self.change.origin:
            case "verified":
                return f"{machine} {'run' if self.many else 'runs'} already, verified before"
            case "unverified":
                return f"{machine}, left by a run that did not finish"
        return f"{self._new()}{self._beside()}"

    def _new(self) -> str:
        change = self.change
        kind = "new" if change.before or change.temporary else "first"
        of = f" of {change.release}" if change.release and not change.before else ""
        size = f" ({change.size})" if change.size else ""
        return f"{kind} machine{'s' if self.many else ''} {self._id(change.machine)}{of}{size}"

    def _beside(self) -> str:
        change = self.change
        if not change.before:
            return ""
        place = "in the place of" if change.lost else "beside"
        disk = "new root disks" if self.many else "a new root disk"
        return f" on {disk} {place} {self._id(change.before)}"

    def _cutover(self) -> str:
        """The verification, and what the machine gets only after it."""
        takes, gets = self._things(self.change.takes), self._things(self.change.gets)
        actions = [
            *([f"{self._verb('take')} over {takes}"] if takes else []),
            *([f"{self._verb('get')} {gets}"] if gets else []),
        ]
        who, verified = "they" if self.many else "it", self.change.origin == "verified"
        if not actions:
            return "" if verified else f"{who} {self._verb('be')} verified"
        return f"{'' if verified else 'once verified, '}{who} {' and '.join(actions)}"

    def _standby(self) -> str:
        ids = [self._id(each) for each in self.change.standby]
        verb = self._verb("stay", several=len(ids) > 1)
        return f"{_list(ids)} {verb} as standby" if ids else ""

    def _leaving(self) -> str:
        """What goes: Pulumi removes it when everything else is done, and the program has ended."""
        ids, released = [self._id(each) for each in self.change.gone], self.change.released
        now = " now" if self.done else ""
        parts: list[str] = []
        if ids:
            several = self.many or len(ids) > 1
            whose = "their root disks" if several else "its root disk"
            parts.append(f"{_list(ids)} {'go' if several else 'goes'}{now} with {whose}")
        if released:
            be = "are" if self.many or len(released) > 1 else "is"
            parts.append(f"{self._things(released)} {be} released{now}")
        return ", and ".join(parts)

    def _id(self, machine: str) -> str:
        """A machine's id; of many servers what follows their names."""
        return f"…{machine.removeprefix(self.change.server)}" if self.many else machine

    def _things(self, things: Sequence[Thing]) -> str:
        words = [each.many if self.many else each.one for each in things]
        return _list([*dict.fromkeys(words)])

    def _verb(self, word: str, *, several: bool = False) -> str:
        one, many, done = VERBS[word]
        if self.done:
            return done
        return many if self.many or several else one


def _destroyed(changes: Sequence[ServerChange], *, done: bool) -> list[str]:
    """The line about data that is lost; it is marked."""
    found = [each for change in changes for each in change.destroyed]
    if not found:
        return []
    more = len(found) - DISKS
    named = [*found[:DISKS], *([f"{more} more"] if more > 0 else [])]
    be = "destroyed now" if done else "will be destroyed"
    return [f"! {be} with all data: {_list(named)}"]


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
    return [f"quota used: {', '.join(parts)}"] if parts else []


def _names(servers: Sequence[str]) -> str:
    """The names of servers in one line: `web-1 ... web-16 (16 servers)`."""
    if len(servers) <= NAMED:
        return _list(servers)
    split = [re.fullmatch(r"(.*-)([0-9]+)", name) for name in servers]
    parts = [(found[1], int(found[2])) for found in split if found]
    follow = all(a == (b[0], b[1] - 1) for a, b in pairwise(parts))
    if len(parts) == len(servers) and follow:
        return f"{servers[0]} ... {servers[-1]} ({len(servers)} servers)"
    return f"{', '.join(servers[:NAMED])} and {len(servers) - NAMED} more"


def _list(words: Collection[str]) -> str:
    """`a, b and c`."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
