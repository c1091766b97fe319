"""Watches a run from outside: what is written to files, and the processes of the run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dev.bench.timeline.processes import MARK, Sampler

INTERVAL = 0.02
"""Seconds between two looks: nothing is told apart that is nearer to each other."""

GRACE = 0.5
"""Seconds after the end in which all of the run has ended."""


@dataclass
class Tail:
    """The lines that others write to the end of a file; what it has at the start is left out."""

    path: Path
    position: int = 0
    rest: bytes = b""

    def __post_init__(self) -> None:
        with suppress(OSError):
            self.position = self.path.stat().st_size

    def lines(self) -> list[str]:
        """Those that were completed since the last call."""
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self.position)
            found = file.read()
            self.position += len(found)
            *whole, self.rest = (self.rest + found).split(b"\n")
            return [line.decode(errors="replace") for line in whole]
        return []


@dataclass(frozen=True)
class Line:
    """A line of a file, and when it was seen in seconds after the start."""

    at: float
    file: Path
    text: str


@dataclass
class Watch:
    """What was seen; a command that is started with `env` belongs to the run, with its children.

    `start` is the time of the start by time.monotonic.
    """

    env: dict[str, str]
    start: float
    sampler: Sampler
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def watching(files: Sequence[Path] = (), *, processes: bool = True) -> Iterator[Watch]:
    """Watch during a block. Looking at processes takes a few percent of one processor."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    watch = Watch({MARK: mark}, time.monotonic(), Sampler(mark))
    tails, done = [Tail(file) for file in files], threading.Event()

    def look() -> None:
        at = time.monotonic() - watch.start
        if processes:
            watch.sampler.look(at)
        for tail in tails:
            watch.lines += [Line(at, tail.path, text) for text in tail.lines()]

    def repeat() -> None:
        while not done.wait(INTERVAL):
            look()

    watcher = threading.Thread(target=repeat)
    watcher.start()
    try:
        yield watch
    finally:
        watch.seconds = time.monotonic() - watch.start
        done.set()
        watcher.join()
        look()
        if processes:  # a plugin ends a little later than its engine
            time.sleep(GRACE)
            watch.sampler.finish(watch.seconds + GRACE)
