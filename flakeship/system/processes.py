"""The processes of this workstation, as Linux shows them in /proc."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
INITIAL = "pid:[4026531836]"  # the namespace of process ids that has those of all others
DEAD = "ZX"  # the states of processes that only wait for their parent to ask for the exit code
INTERVAL = 0.05  # seconds between two looks at processes that are to end


@dataclass(frozen=True)
class Process:
    """A process that ran when it was looked at. What only its owner can read is empty for others.

    `name` is the kernel's and has at most 15 bytes; `ticks` is when it was started, in the unit of
    the kernel since the boot, so that another process of the same id is told apart. `inner_pid` is
    its id in its own namespace, as in a container.
    """

    pid: int
    parent: int
    user: int
    name: str
    ticks: int
    inner_pid: int

    @property
    def started(self) -> float:
        """The time of its start in seconds since the epoch, by the clock as it is now."""
        running = time.clock_gettime(time.CLOCK_BOOTTIME) - self.ticks / os.sysconf("SC_CLK_TCK")
        return time.time() - running

    @property
    def words(self) -> Sequence[str]:
        """Its command line."""
        return _words(self.pid, "cmdline")

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it was started with."""
        return environment(self.pid)

    @property
    def directory(self) -> Path | None:
        """Its working directory."""
        return self._link("cwd")

    @property
    def network(self) -> Path | None:
        """Its network namespace: the addresses of another one cannot be asked."""
        return self._link("ns/net")

    def lives(self) -> bool:
        """Whether it still runs."""
        found = find(self.pid)
        return found is not None and found.ticks == self.ticks

    def _link(self, file: str) -> Path | None:
        try:
            return (PROC / str(self.pid) / file).readlink()
        except OSError:
            return None


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty where this user may not read it."""
    pairs = (word.partition("=") for word in _words(pid, "environ"))
    return {name: value for name, _, value in pairs}


def _words(pid: int, file: str) -> list[str]:
    try:
        text = (PROC / str(pid) / file).read_bytes()
    except OSError:
        return []
    return os.fsdecode(text).removesuffix("\0").split("\0")


def find(pid: int) -> Process | None:
    """The process with an id; None where none runs, and for the id of a thread."""
    try:
        status = (PROC / str(pid) / "status").read_text(errors="replace")
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if fields["State"][0] in DEAD or int(fields["Tgid"]) != pid:
        return None
    return Process(
        pid,
        int(fields["PPid"]),
        int(fields["Uid"].split()[0]),
        fields["Name"],
        # after the name, which may have blanks and parentheses
        int(stat.rpartition(")")[2].split()[19]),
        int(fields.get("NSpid", str(pid)).split()[-1]),
    )


def running() -> list[Process]:
    """Every process that can be seen."""
    found = (find(int(entry.name)) for entry in PROC.glob("[0-9]*"))
    return [each for each in found if each]


def of_this_user() -> list[Process]:
    """Every process of the user that this one runs as."""
    return [each for each in running() if each.user == os.getuid()]


def all_are_seen() -> bool:
    """Whether processes of every namespace are seen: a container has only its own."""
    try:
        return str((PROC / "self/ns/pid").readlink()) == INITIAL
    except OSError:
        return False


def end(processes: Sequence[Process], seconds: float) -> None:
    """End processes: by SIGTERM, and by SIGKILL those that have not ended after some seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = [each for each in processes if each.lives()]
        for each in left:
            with suppress(ProcessLookupError):
                os.kill(each.pid, number)
        wait_until(lambda: not any(each.lives() for each in left), seconds)  # noqa: B023


def wait_until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, at most some seconds."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(INTERVAL)


def may_run(pid: int) -> bool:
    """Whether a process runs that `find` cannot show: another user's, or without a /proc."""
    try:
        os.kill(pid, 0)
    except PermissionError:  # /proc may be mounted so that only its own user sees it
        return not os.access(PROC / str(pid) / "status", os.R_OK)
    except ProcessLookupError:
        return False
    return not (PROC / "self").exists()
