"""A QEMU process that nobody is the parent of: is it there, does its guest run, end it."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from contextlib import suppress
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local.qemu_command import PID
from flakeship.targets.local.qmp import QmpError, connect

PROBE_SECONDS = 1.0
PATIENCE_SECONDS = 20.0
"""How long a QEMU that exists may be silent or paused before its machine counts as dead."""
POWERDOWN_SECONDS = 20.0
QUIT_SECONDS = 3.0

_SETTLED = {"running", "gone", "guest-panicked", "internal-error", "io-error", "shutdown"}
"""States that waiting does not change."""

_FLOCK = "hhqqi4x"
"""struct flock of x86-64: l_type, l_whence, l_start, l_len, l_pid."""


def exists(directory: Path) -> bool:
    """Whether the QEMU of a directory exists.

    QEMU locks its pid file as long as it lives, so a number that another process has by now, or a
    file that a crash left, deceives nobody.
    """
    try:
        with (directory / PID).open("rb") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
    except FileNotFoundError:
        return False
    return bool(kind != fcntl.F_UNLCK)


def has_open(directory: Path, file: Path) -> bool:
    """Whether the QEMU of a directory has a file open, whatever its path was at that time."""
    if not exists(directory):
        return False
    wanted = file.stat()
    for opened in Path("/proc", str(_pid(directory)), "fd").glob("*"):
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.path.samestat(opened.stat(), wanted):
                return True
    return False


def runs(directory: Path) -> bool:
    """Whether QEMU is there, answers at once, and its guest is neither paused nor crashed."""
    return _state(directory) == "running"


def recovers(directory: Path) -> bool:
    """Whether it runs, or does again within PATIENCE_SECONDS.

    To be asked before anything is ended: a short stall of this host is no reason to.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := _state(directory)) not in _SETTLED and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen == "running"


def _state(directory: Path) -> str:
    """What QEMU says of its guest; `gone` where there is no QEMU, `silent` where it is and says
    nothing."""
    if not exists(directory):
        return "gone"
    try:
        with connect(directory, PROBE_SECONDS) as monitor:
            return str(monitor.execute("query-status")["status"])
    except QmpError:
        return "silent" if exists(directory) else "gone"


def end(directory: Path, *, gently: bool) -> None:
    """End the QEMU of a directory: `gently` lets the guest shut down first; then quit, then kill.

    Raises a FlakeshipError when the process does not go.
    """
    if gently and _asked(directory, "system_powerdown") and _gone(directory, POWERDOWN_SECONDS):
        return
    if _asked(directory, "quit") and _gone(directory, QUIT_SECONDS):
        return
    if exists(directory):
        with suppress(ProcessLookupError, FileNotFoundError):  # it ended meanwhile
            os.kill(_pid(directory), signal.SIGKILL)
        if not _gone(directory, QUIT_SECONDS):
            raise FlakeshipError(
                f"{directory.name}: QEMU (pid {_pid(directory)}) does not end, not even killed: "
                "see `ps -o pid,stat,wchan:30,args -C qemu-system-x86_64`"
            )


def _asked(directory: Path, command: str) -> bool:
    """Send a command. Whether it was sent: QEMU may end without an answer to `quit`."""
    if not exists(directory):
        return True
    try:
        with connect(directory, PROBE_SECONDS) as monitor:
            monitor.execute(command)
    except QmpError as error:
        return error.kind == "gone" and command == "quit"
    return True


def _gone(directory: Path, seconds: float) -> bool:
    """Wait for the process to end."""
    deadline = time.monotonic() + seconds
    while exists(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _pid(directory: Path) -> int:
    return int((directory / PID).read_text())
