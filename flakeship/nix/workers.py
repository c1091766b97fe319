"""How many evaluations fit beside each other in the memory and on the processors there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.sizes import MIB

EVALUATION = 1024  # MiB that a NixOS host takes at its peak (0.8 to 1.0 GB were measured)
MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def workers(evaluations: int) -> int:
    """How many evaluations to run at a time: as processors and known memory allow, at least one."""
    linux = sys.platform == "linux"
    cores = len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1
    memory = available_memory()
    by_memory = evaluations if memory is None else memory // EVALUATION
    return max(1, min(evaluations, cores, by_memory))


def available_memory() -> int | None:
    """The memory that programs may still take without swapping, in MiB; None: unknown."""
    system = _numbers(MEMINFO).get("MemAvailable:")
    found = [] if system is None else [system // 1024]
    return min([*found, *_cgroup_memory()], default=None)


def _cgroup_memory() -> Iterator[int]:
    """What the limits of this process's control group and of those above it leave, in MiB."""
    own = _text(OWN_CGROUP).partition("0::/")[2].strip()
    for group in (CGROUPS / own, *(CGROUPS / own).parents):
        limit, current = (_text(group / f"memory.{name}").strip() for name in ("max", "current"))
        if limit.isdigit() and current.isdigit():
            # the kernel evicts cached files for programs, as MemAvailable assumes
            cached = _numbers(group / "memory.stat").get("inactive_file", 0)
            yield max(0, int(limit) - int(current) + cached) // MIB


def _numbers(file: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(file).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
