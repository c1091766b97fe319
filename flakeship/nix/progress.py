"""What Nix does during a build, as few lines for the person who waits."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from dataclasses import dataclass, field

from flakeship.model.sizes import MIB
from flakeship.model.text import cut, lines, one_line
from flakeship.nix.messages import BUILD, JSON, WARNING, event
from flakeship.system.redaction import redacted
from flakeship.system.waiting import Waiting

log = logging.getLogger(__name__)

COPY_PATH, COPY_PATHS, BUILDS = 100, 103, 104  # Nix' types of activities, beside BUILD
LOG_LINE, PROGRESS, EXPECTED = 101, 105, 106  # and of what is said of one
NUMBERS = re.compile(r"th(is|ese [0-9]+) \w+ will be (built|fetched).*")
LOG_LINES = 25  # of a failed builder
SHOWN = 100  # characters of what a builder says
MOST = 20  # warnings that are shown


@dataclass
class Builder:
    """A derivation that is built, since a monotonic time."""

    drv: str
    since: float
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    @property
    def name(self) -> str:
        """The derivation's name: its path without the hash."""
        return self.drv.rpartition("/")[2].partition("-")[2].removesuffix(".drv")


class Progress:
    """Reads Nix' internal-json while it builds a release, and logs what a person wants to see.

    What will be built or fetched, what is under way at growing intervals, and warnings. What
    `errors` there were is for the caller to raise.
    """

    def __init__(self, release: str) -> None:
        self.errors: list[str] = []
        self._release = release
        self._waiting = Waiting(f"{release}: still building")
        self._types: dict[int, int] = {}  # of activities
        self._texts: dict[int, str] = {}
        self._builders: dict[int, Builder] = {}
        self._failed: list[Builder] = []
        self._counts: dict[int, tuple[int, ...]] = {}  # of BUILDS and COPY_PATHS: done, expected...
        self._fetching: dict[int, int] = {}  # bytes of paths that are under way
        self._fetched = 0
        self._to_fetch: dict[int, int] = {}  # bytes, by the activity that expects them
        self._warnings = 0

    @property
    def failed(self) -> Builder | None:
        """The derivation of the first error that names one."""
        text = "\n".join(self.errors)
        return next((each for each in self._failed if each.drv in text), None)

    def line(self, text: str) -> None:
        """Take what Nix has written; a line that is not as expected says nothing."""
        match event(text):
            case {"action": "msg", "level": int(level), "msg": str(said)}:
                self._message(level, lines(said).strip())
            case {"action": "start", "id": int(number), "type": int(kind), **rest}:
                self._texts[number] = lines(str(rest.get("text", "")))
                self._start(number, kind, rest.get("fields"))
            case {"action": "stop", "id": int(number)}:
                self._stop(number)
            case {"action": "result", "id": int(number), "type": int(kind), "fields": list(fields)}:
                self._result(number, kind, fields)
            case {} if text and not text.startswith(JSON):  # git and ssh write there too
                self._warn(lines(text))

    def still(self) -> None:
        """Log what is under way, if it is time for that."""
        self._waiting.still(self._under_way)

    def _message(self, level: int, text: str) -> None:
        if level == 0:
            self.errors.append(text)
        elif level == WARNING:
            self._warn(text)
        elif NUMBERS.fullmatch(text):
            log.info("%s: %s", self._release, text.removesuffix(":"))

    def _warn(self, text: str) -> None:
        self._warnings += 1
        if self._warnings <= MOST:
            log.info("%s", text)

    def _start(self, number: int, kind: int, fields: object) -> None:
        self._types[number] = kind
        if kind == BUILD and isinstance(fields, list) and fields:
            self._builders[number] = Builder(lines(str(fields[0])), time.monotonic())

    def _stop(self, number: int) -> None:
        self._types.pop(number, None)
        self._texts.pop(number, None)
        self._fetched += self._fetching.pop(number, 0)
        builder = self._builders.pop(number, None)
        if builder and self._count(BUILDS, 3):
            self._failed.append(builder)

    def _result(self, number: int, kind: int, fields: list[object]) -> None:
        numbers = tuple(each for each in fields if isinstance(each, int))
        of = self._types.get(number)
        if kind == LOG_LINE and number in self._builders:
            self._builders[number].tail.append(lines(str(fields[0])) if fields else "")
            log.debug("%s: %s", self._builders[number].name, self._builders[number].tail[-1])
        elif kind == PROGRESS and of in {BUILDS, COPY_PATHS}:
            self._counts[of] = numbers
        elif kind == PROGRESS and of == COPY_PATH and numbers:
            self._fetching[number] = numbers[0]
        elif kind == EXPECTED and numbers[:1] == (COPY_PATH,):
            self._to_fetch[number] = sum(numbers[1:])

    def _count(self, of: int, place: int) -> int:
        return next(iter(self._counts.get(of, ())[place:]), 0)

    def _under_way(self) -> str:
        found = []
        if paths := self._count(COPY_PATHS, 1):
            done = self._fetched + sum(self._fetching.values())
            size = f"{done // MIB} of {sum(self._to_fetch.values()) // MIB} MiB"
            found.append(f"{self._count(COPY_PATHS, 0)} of {paths} paths fetched, {size}")
        if builders := sorted(self._builders.values(), key=lambda each: each.since):
            found.append(self._building(builders[0], len(builders) - 1))
        if not found:  # Nix asks caches what they have, or waits for another build
            found = [redacted(one_line(text)) for text in self._texts.values() if text][:1]
        return "; ".join(found)

    def _building(self, longest: Builder, others: int) -> str:
        seconds = time.monotonic() - longest.since
        done = f"{self._count(BUILDS, 0)} of {self._count(BUILDS, 1)} derivations built"
        also = f" and {others} more" if others else ""
        said = one_line(longest.tail[-1]) if longest.tail else ""
        end = f": {cut(said, SHOWN)}" if said else ""
        return f"{done}; building {cut(longest.name, SHOWN)}{also} for {seconds:.0f} s{end}"
