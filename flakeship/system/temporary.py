"""Temporary directories, in the checkout: what a killed process leaves there is found again."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flakeship.system.files import STATE, locked, tidy
from flakeship.system.keeper import KEEPER

PARENT = Path(STATE, "tmp")


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for this process alone, which is removed whatever happens.

    Its path is relative, and so short enough for a socket's address (104 bytes) in any checkout.
    """
    remove_abandoned()
    path = PARENT / secrets.token_hex(6)
    with locked(path):
        path.chmod(0o700)
        KEEPER.directory(str(path))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
    tidy(PARENT)


def remove_abandoned() -> list[str]:
    """Remove the directories of processes that have ended; return their paths."""
    found = [path for path in sorted(PARENT.glob("*")) if _removed(path)]
    tidy(PARENT)
    return [str(path) for path in found]


def _removed(path: Path) -> bool:
    """Remove a directory whose lock nobody holds.

    Under the lock: a process that has made its directory may be about to lock it, and makes it
    again where it is gone then.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(opened)
    return True
