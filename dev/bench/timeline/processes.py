"""The processes of a run, sampled from /proc: when each ran, its CPU seconds and its memory.

A process belongs to the run that has its mark in the environment, or whose parent belongs to it.
One that starts and ends between two looks is not seen; its CPU time is not counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
MARK = "FLAKESHIP_TIMELINE"
"""The variable by which the processes of a run are told from all others."""

LOADER_OPTIONS = ("--library-path", "--argv0", "--preload")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
BESIDES = "everything besides Pulumi's engine, language host and plugins in Go"
MEMORY_INTERVAL = 0.2
"""Seconds between two looks at shared memory, which the kernel has to count."""


@dataclass
class Sampled:
    """A process: times in seconds after the start of the run, memory in MB of 1000 kB.

    `pss` has the proportional set size, in which shared pages count once, by the time of the look.
    """

    pid: int
    ticks: int
    start: float
    end: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    words: list[str] = field(default_factory=list)
    program: str = ""
    pss: dict[float, float] = field(default_factory=dict)
    stays: bool = False
    """It is a product of the run: a guest, and what runs beside it."""

    @property
    def is_pulumi(self) -> bool:
        """Whether it is the engine, a language host or a plugin written in Go."""
        return self.program.startswith("pulumi")

    @property
    def command(self) -> list[str]:
        """Its words, without the loader that a private Nix is started by."""
        words = self.words
        if words and Path(words[0]).name.startswith("ld-linux"):
            words = words[1:]
            while words and words[0] in LOADER_OPTIONS:
                words = words[2:]
        return words

    @property
    def name(self) -> str:
        """What it does."""
        words = [Path(word).name if "/" in word else word for word in self.command]
        if self.is_pulumi:
            return self.program
        if "pulumi-language-python-exec" in words:
            return "the program"
        if "-m" in words:
            return " ".join(words[words.index("-m") + 1 :][:3])
        return " ".join(words[:2]) if words else self.program


@dataclass
class Sampler:
    """The processes with a mark that were seen so far."""

    mark: str
    start: float = field(default_factory=lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
    seen: list[Sampled] = field(default_factory=list)
    _running: dict[int, Sampled] = field(default_factory=dict)
    _others: set[int] = field(default_factory=set)
    _measured: float = -MEMORY_INTERVAL

    def look(self, at: float) -> None:
        """Look at all processes; `at` is the time in seconds after the start."""
        pids = {int(name) for name in os.listdir(PROC) if name.isdigit()}  # noqa: PTH208 - fast
        self._others &= pids
        for pid in self._running.keys() - pids:
            del self._running[pid]
        memory = at - self._measured >= MEMORY_INTERVAL
        if memory:
            self._measured = at
        # in this order a parent is known before its children
        for pid in sorted(pids - self._others):
            with suppress(OSError):
                self._look_at(pid, at, memory=memory)

    def finish(self, at: float) -> None:
        """Look once more: what still runs is a product of the run, not a part of it."""
        self.look(at)
        for each in self._running.values():
            each.stays = True

    def _look_at(self, pid: int, at: float, *, memory: bool) -> None:
        parent, ticks, cpu, rss = stat(pid)
        found = self._running.get(pid)
        if found is None or found.ticks != ticks:
            if parent not in self._running and not self._is_marked(pid):
                self._others.add(pid)
                return
            found = Sampled(pid, ticks, ticks / TICK - self.start)
            self._running[pid] = found
            self.seen.append(found)
        found.end, found.cpu, found.rss = at, cpu, max(found.rss, rss)
        # it is its parent until it has executed something
        if words := (PROC / str(pid) / "cmdline").read_bytes():
            found.words = os.fsdecode(words).removesuffix("\0").split("\0")
        found.program = (PROC / str(pid) / "exe").readlink().name
        if memory:
            found.pss[at] = pss(pid)

    def _is_marked(self, pid: int) -> bool:
        return f"{MARK}={self.mark}".encode() in (PROC / str(pid) / "environ").read_bytes()


def stat(pid: int) -> tuple[int, int, float, float]:
    """The parent, the start in ticks since the boot, CPU seconds, and MB of memory."""
    text = (PROC / str(pid) / "stat").read_text(errors="replace")
    # after the name, which may have blanks and parentheses
    fields = text.rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICK
    return int(fields[1]), int(fields[19]), cpu, int(fields[21]) * PAGE / 1024 / 1000


def pss(pid: int) -> float:
    """The proportional set size in MB."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1000


def peak(processes: Sequence[Sampled]) -> float:
    """The most memory that all besides Pulumi's own and what stays held at one time, in MB."""
    sums: dict[float, float] = {}
    for each in processes:
        if not each.is_pulumi and not each.stays:
            for at, size in each.pss.items():
                sums[at] = sums.get(at, 0.0) + size
    return max(sums.values(), default=0.0)
