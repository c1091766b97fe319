"""Writes a machine's console to a file of a bounded size.

QEMU's own file has no end, and nothing of Flakeship need run while a guest writes for months. So a
program stands between: `python -IS console_writer.py <descriptor>` in the machine's directory. It
ends with its QEMU, and imports nothing of ours: there is one for each machine.
"""

from __future__ import annotations

import os
import sys

FILE = "console.log"
FORMER = "console.log.1"  # what was in the file before
SHARE = 16 * 1024 * 1024  # bytes of each of the two
CHUNK = 65536


def write(source: int, share: int = SHARE) -> None:
    """Copy until the source ends. What cannot be written is lost: a guest is not to wait for it."""
    file = -1
    while data := os.read(source, CHUNK):
        try:
            file = _room(file, share)
            os.write(file, data)
        except OSError:  # the disk is full, or a user has put something else there
            if file >= 0:
                os.close(file)
            file = -1


def _room(file: int, share: int) -> int:
    """The descriptor to write to: a new one at first, for a full file, and for one that is gone.

    The old one is closed at the end: what fails before leaves it to the caller.
    """
    if file >= 0:
        status = os.fstat(file)
        if status.st_nlink and status.st_size < share:
            return file
    new = _open()
    if os.fstat(new).st_size >= share:
        os.close(new)
        os.replace(FILE, FORMER)  # noqa: PTH105 - pathlib would be most of this program
        new = _open()
    if file >= 0:
        os.close(file)
    return new


def _open() -> int:
    return os.open(FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)


if __name__ == "__main__":
    write(int(sys.argv[1]))
