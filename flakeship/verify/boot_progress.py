"""How far a machine came, by what its console shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flakeship.model.text import EVIDENCE, one_line
from flakeship.verify.boot_failures import FAILURES, Failure
from flakeship.verify.boot_stages import BEGINNINGS, EMPTY, NAMES, STAGES, UNKNOWN, Stage

OWNERS = {mark: owner for owner in (*STAGES, *FAILURES) for mark in owner.marks}
# plain texts side by side, the longest first: one pass, whatever a guest writes
MARKS = re.compile("|".join(map(re.escape, sorted(OWNERS, key=len, reverse=True))))
BEFORE = 100  # characters of a line that are shown before its mark


@dataclass(frozen=True)
class BootProgress:
    """The furthest stage of the last start; `failure` is what the console calls one, or empty.

    `line` is the line that shows it, `starts` is how often the machine has started on this console,
    `earlier` the furthest stage of the starts before, where it is further.
    """

    stage: str
    failure: str
    means: str
    remedy: str
    line: str
    starts: int
    earlier: str

    def lines(self) -> list[str]:
        """What a person reads of it."""
        failed = f"Failure on the console: {self.failure}. " if self.failure else ""
        further = f"; before, it came as far as: {self.earlier}" if self.earlier else ""
        means = f"{self.means[:1].upper()}{self.means[1:]}"
        return [
            f"{failed}Furthest stage on the console: {self.stage}. {means}.",
            *([f"  > {self.line}"] if self.line else []),
            *([f"  It has started {self.starts} times{further}."] if self.starts > 1 else []),
        ]


def find(text: str) -> BootProgress:
    """The furthest stage that a console shows; its text is clean, as Console.read has it.

    A failure that no later line shows to be overcome outranks the stage.
    """
    text = f"\n{text}"
    reached, at, starts, earlier = -1, 0, 1, -1
    failures: dict[Failure, tuple[int, int]] = {}  # the stage before it, and where it is
    for hit in MARKS.finditer(text):
        owner = OWNERS[hit.group()]
        if isinstance(owner, Failure):
            if not owner.within or reached <= NAMES.index(owner.within):
                failures.setdefault(owner, (reached, hit.end()))
            continue
        number = NAMES.index(owner.name)
        failures = {each: seen for each, seen in failures.items() if owner.name not in each.over}
        if number < reached and hit.group() in BEGINNINGS:
            earlier, reached, starts = max(earlier, reached), -1, starts + 1
            failures = {each: seen for each, seen in failures.items() if each.ends}
        if number > reached:
            reached, at = number, hit.end()
    shown: Stage = STAGES[reached] if reached >= 0 else UNKNOWN if text.strip() else EMPTY
    stage = shown.name
    for failure in FAILURES:
        if failure in failures:
            before, at = failures[failure]
            shown, stage = failure, NAMES[before] if before >= 0 else UNKNOWN.name
            break
    return BootProgress(
        stage=stage,
        failure=shown.name if isinstance(shown, Failure) else "",
        means=shown.means,
        remedy=shown.remedy,
        line=_line(text, at) if at else "",
        starts=starts,
        earlier=NAMES[earlier] if earlier > reached else "",
    )


def _line(text: str, at: int) -> str:
    """The line around the character before `at`, cut: a guest may write one without end."""
    begin = max(text.rfind("\n", 0, at - 1) + 1, at - BEFORE)
    return one_line(text[begin : begin + EVIDENCE + 1].partition("\n")[0])
