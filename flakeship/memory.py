"""How many evaluations this machine holds side by side."""

from __future__ import annotations

import os
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
EVALUATION = 1024
"""What the evaluation of one NixOS host takes at its peak, in MiB (0.8 to 1.0 GB measured)."""


def available() -> int | None:
    """The memory that programs may still take without swapping, in MiB; None: nobody tells."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(kibibytes) // 1024 for kibibytes in found), None)


def workers(wanted: int) -> int:
    """How many of the wanted evaluations run at a time: what cores and memory allow, at least one.

    Where nobody tells of the memory, the cores alone count.
    """
    room = available()
    fitting = wanted if room is None else room // EVALUATION
    return max(1, min(wanted, os.cpu_count() or 1, fitting))
