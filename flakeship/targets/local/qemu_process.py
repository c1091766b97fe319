"""A machine's QEMU process: whether it exists, whether its guest runs, and how it ends."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from contextlib import suppress
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.local import condition
from flakeship.targets.local.qemu_command import PID
from flakeship.targets.local.qmp import Qmp, QmpError, connect

PROBE_SECONDS = 1.0
PATIENCE_SECONDS = 20.0  # for an unresponsive or paused machine, before it counts as dead
POWERDOWN_SECONDS = 20.0
QUIT_SECONDS = 3.0

# waiting does not change these states
_FINAL = {
    *(condition.RUNNING, condition.GONE, condition.FULL),
    *("guest-panicked", "internal-error", "shutdown"),
}
_FLOCK = "hhqqi4x"  # of x86-64: l_type, l_whence, l_start, l_len, l_pid


def exists(directory: Path) -> bool:
    """Whether the QEMU of a directory exists.

    QEMU locks its pid file until it ends, so a stale file or a reused pid is not mistaken for it.
    """
    try:
        with (directory / PID).open("rb") as file:
            query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            lock_type = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, query))[0]
    except FileNotFoundError:
        return False
    return bool(lock_type != fcntl.F_UNLCK)


def has_open(directory: Path, file: Path) -> bool:
    """Whether the QEMU of a directory has a file open, under whatever path."""
    if not exists(directory):
        return False
    sought = file.stat()
    for descriptor in Path("/proc", str(_pid(directory)), "fd").glob("*"):
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.path.samestat(descriptor.stat(), sought):
                return True
    return False


def status(monitor: Qmp) -> str:
    """QEMU's status of the guest: `running` where it is neither paused nor crashed."""
    return str(monitor.execute("query-status")["status"])


def recovers(directory: Path) -> bool:
    """Whether the machine runs, or does again in time: a short stall is no reason to end it.

    A guest that was paused is resumed: by a person, or by QEMU when a write failed.
    """
    if state(directory) in condition.RESUMED and _sent(directory, "cont"):
        time.sleep(PROBE_SECONDS)  # a disk that is still full stops it again at once
    for _ in backoff(PATIENCE_SECONDS, most=0.1):
        if (found := state(directory)) in _FINAL:
            return found == condition.RUNNING
    return False


def state(directory: Path) -> str:
    """The guest's status; `gone` without a QEMU, `silent` where it does not answer."""
    if not exists(directory):
        return condition.GONE
    try:
        with connect(directory, PROBE_SECONDS) as monitor:
            return status(monitor)
    except QmpError:
        return condition.SILENT if exists(directory) else condition.GONE


def end(directory: Path, *, gently: bool) -> None:
    """End the QEMU of a directory: `gently` lets the guest shut down first; then quit, then kill.

    Raises FlakeshipError (`qemu-failed`) when the process does not end.
    """
    if gently and _sent(directory, "system_powerdown") and _ended(directory, POWERDOWN_SECONDS):
        return
    if _sent(directory, "quit") and _ended(directory, QUIT_SECONDS):
        return
    if not exists(directory):
        return
    with suppress(ProcessLookupError, FileNotFoundError):  # it ended meanwhile
        os.kill(_pid(directory), signal.SIGKILL)
    if not _ended(directory, QUIT_SECONDS):
        raise FlakeshipError(
            f"QEMU (pid {_pid(directory)}) did not end when it was killed",
            code="qemu-failed",
            key=directory.name,
            remedy="look at `ps -o pid,stat,wchan:30,args -C qemu-system-x86_64`",
        )


def _sent(directory: Path, command: str) -> bool:
    """Whether a command was sent; QEMU may end without an answer to `quit`."""
    if not exists(directory):
        return True
    try:
        with connect(directory, PROBE_SECONDS) as monitor:
            monitor.execute(command)
    except QmpError as error:
        return error.kind == "gone" and command == "quit"
    return True


def _ended(directory: Path, seconds: float) -> bool:
    return any(not exists(directory) for _ in backoff(seconds, first=0.02, most=0.02))


def _pid(directory: Path) -> int:
    return int((directory / PID).read_text())
