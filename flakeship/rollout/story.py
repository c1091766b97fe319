"""The words about what a run does to one server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.rollout.changes import ServerChange, Thing

VERBS = {
    "take": ("takes", "take", "took", "took"),
    "get": ("gets", "get", "got", "got"),
    "stay": ("stays", "stay", "stayed", "stayed"),
    "keep": ("keeps", "keep", "kept", "kept"),
    "be": ("is", "are", "was", "were"),
}
"""Of one machine and of several, and of both when it is done."""


@dataclass(frozen=True)
class Story:
    """The words about one server, or about `many` that differ in their names alone."""

    change: ServerChange
    done: bool = False
    many: bool = False

    @property
    def text(self) -> str:
        """One line, without the server's name."""
        change = self.change
        if not change.machine:
            return ": ".join([*change.reasons, self._leaving()])
        if change.temporary:
            it = f"{'they' if self.many else 'it'} {self._verb('be')}"
            return f"{self._new()}; {it} verified and then removed"
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
            case "verified" | "changed" as origin:
                what = "running standbys" if self.many else "the running standby"
                disk = "their root disks are kept" if self.many else "its root disk is kept"
                before = "verified before and not again; " if origin == "verified" else ""
                return f"{machine} {self._verb('be')} {what} ({before}{disk})"
            case "unverified":
                disk = "their root disks as they are" if self.many else "its root disk as it is"
                return f"{machine}, left unverified by an earlier run, with {disk}"
        return f"{self._new()}{self._beside()}"

    def _new(self) -> str:
        change = self.change
        kind = "new" if change.before or change.temporary else "first"
        of = f" of release {change.release}" if change.release and not change.before else ""
        # of many servers each has another one
        address = f"with the address {change.address}" if change.address and not self.many else ""
        told = ", ".join(filter(None, [change.size, address]))
        size = f" ({told})" if told else ""
        return f"{kind} machine{'s' if self.many else ''} {self._id(change.machine)}{of}{size}"

    def _beside(self) -> str:
        change = self.change
        if not change.before:
            return ""
        disk = "new root disks" if self.many else "a new root disk"
        former = self._id(change.before)
        if change.lost:
            be, whose = ("are", "their root disks") if self.many else ("is", "its root disk")
            lost = "of no use any more" if change.before in change.gone else f"lost with {whose}"
            return f" with {disk}, because {former} {be} {lost}"
        return f" with {disk} (nothing is copied) beside {former}"

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
        when = "" if verified else "as each is verified, " if self.many else "once verified, "
        return f"{when}{who} {' and '.join(actions)}"

    def _standby(self) -> str:
        running, stopped = self._ids(self.change.standby), self._ids(self.change.stopped)
        keep = self._verb("keep", several=len(running) > 1)
        stay = self._verb("stay", several=len(stopped) > 1)
        parts = [
            *([f"{listed(running)} {keep} running as standby"] if running else []),
            *([f"{listed(stopped)} {stay} stopped, no standby until started"] if stopped else []),
        ]
        return "; ".join(parts)

    def _leaving(self) -> str:
        """What goes: Pulumi removes it when everything else is done, and the program has ended."""
        released = self.change.released
        being = "being " if self.done else ""
        parts: list[str] = []
        for machines, origin in (
            (self.change.gone, ""),
            (self.change.left, ", left by an earlier run,"),
        ):
            if ids := self._ids(machines):
                several = self.many or len(ids) > 1
                be, whose = ("are", "their root disks") if several else ("is", "its root disk")
                parts.append(f"{listed(ids)}{origin} {be} {being}deleted with {whose}")
        if released:
            be = "are" if self.many or len(released) > 1 else "is"
            parts.append(f"{self._things(released)} {be} {being}released")
        return ", and ".join(parts)

    def _ids(self, machines: Sequence[str]) -> list[str]:
        return [self._id(each) for each in machines]

    def _id(self, machine: str) -> str:
        """A machine's id; of many servers what follows their names."""
        return f"…{machine.removeprefix(self.change.server)}" if self.many else machine

    def _things(self, things: Sequence[Thing]) -> str:
        words = [each.many if self.many else each.one for each in things]
        return listed([*dict.fromkeys(words)])

    def _verb(self, word: str, *, several: bool = False) -> str:
        return VERBS[word][2 * self.done + (self.many or several)]


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
