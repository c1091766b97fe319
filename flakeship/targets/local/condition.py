"""Why a machine does not run, by QEMU's status of its guest (QAPI's RunState)."""

from __future__ import annotations

import shutil
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB

RUNNING, GONE, SILENT, PAUSED, FULL = "running", "gone", "silent", "paused", "io-error"
LITTLE = 64  # MiB: QEMU writes clusters and tables, so a write may fail with some space left

RESUMED = {PAUSED, FULL}  # what a run resumes instead of starting it again
REASONS = {
    GONE: "its QEMU does not run",
    SILENT: "its QEMU runs and does not answer",
    PAUSED: "its guest is paused",
    FULL: "QEMU has paused its guest: a write to its disk failed",
    "guest-panicked": "the kernel of its guest panicked",
    "shutdown": "its guest has shut down",
    "internal-error": "QEMU has stopped its guest after an internal error",
    "watchdog": "a watchdog has stopped its guest",
}


def free(directory: Path) -> int | None:
    """The MiB that are free on the disk of a directory; None where it does not exist yet."""
    try:
        return shutil.disk_usage(directory).free // MIB
    except FileNotFoundError:
        return None


def reason(status: str, room: int | None) -> str:
    """Why a machine of a status does not run; `room` is what is free on its disk in MiB."""
    if _is_full(status, room):
        return f"QEMU has paused its guest: the disk of .state is full ({room} MiB left)"
    return REASONS.get(status, f"QEMU has stopped its guest ({status})")


def then(status: str) -> str:
    """What the next run does with a machine of a status."""
    return "resumes it" if status in RESUMED else "starts it again"


def stopped(directory: Path, status: str) -> FlakeshipError:
    """The error for a machine that does not run."""
    room = free(directory)
    full = _is_full(status, room)
    return FlakeshipError(
        reason(status, room),
        code="disk-full" if full else "machine-stopped",
        key=directory.name,
        remedy=f"{'free some space there, then ' if full else ''}run `pulumi up`, which "
        f"{then(status)}",
    )


def _is_full(status: str, room: int | None) -> bool:
    return status == FULL and room is not None and room < LITTLE
