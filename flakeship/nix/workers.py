"""How many evaluations this machine holds side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
EVALUATION = 1024
"""What the evaluation of one NixOS host takes at its peak, in MiB (0.8 to 1.0 GB measured)."""


def available() -> int | None:
    """The memory that programs may still take without swapping, in MiB; None: nobody tells."""
    told = _numbers(MEMINFO).get("MemAvailable:")
    room = [] if told is None else [told // 1024]
    return min([*room, *_limits()], default=None)


def cores() -> int:
    """The processors that this program may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limits() -> Iterator[int]:
    """What this program's control group, and each above it, leaves of its limit, in MiB."""
    own = _text(OWN).partition("0::/")[2].strip()
    for group in (CGROUPS / own, *(CGROUPS / own).parents):
        limit, current = (_text(group / f"memory.{name}").strip() for name in ("max", "current"))
        if limit.isdigit() and current.isdigit():
            # files in memory are given up for programs, as in MemAvailable
            files = _numbers(group / "memory.stat").get("inactive_file", 0)
            yield max(0, int(limit) - int(current) + files) // 1024**2


def _numbers(file: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(file).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def workers(wanted: int) -> int:
    """How many of the wanted evaluations run at a time: what cores and memory allow, at least one.

    Where nobody tells of the memory, the cores alone count.
    """
    room = available()
    fitting = wanted if room is None else room // EVALUATION
    return max(1, min(wanted, cores(), fitting))
