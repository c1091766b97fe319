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
    found = [path for path in sorted(PARENT.glob("*")) if _is_abandoned(path)]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    tidy(PARENT)
    return [str(path) for path in found]


def _is_abandoned(path: Path) -> bool:
    """Whether nobody holds the lock of a directory."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(opened)
    return True
