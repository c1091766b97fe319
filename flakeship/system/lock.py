"""Locks on directories, which leave no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock a directory exclusively, or `shared`; it is made where it is missing.

    The lock is on the directory itself and ends with the process that holds it.
    """
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # another process removed a parent meanwhile
            continue
        try:
            fcntl.flock(opened, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            if _is_same(directory, opened):
                yield
                return
        finally:
            os.close(opened)


def _is_same(directory: Path, opened: int) -> bool:
    """Whether the path still leads to what was opened: another process may have replaced it."""
    try:
        return os.path.samestat(directory.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False
