"""Files that are whole or absent, and locks that leave no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE = ".state"
"""The name of the directory that everything of ours is in."""


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def read(path: Path) -> str:
    """The text of a file, empty where there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Have a directory for oneself, or for those who share it; it is made where it is missing.

    The lock is on the directory itself and goes with the process that holds it.
    """
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # somebody tidied a parent meanwhile
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            if _is(directory, held):
                yield
                return
        finally:
            os.close(held)


def _is(directory: Path, opened: int) -> bool:
    """Whether the name still means what was opened: the former holder may have removed it."""
    try:
        return os.path.samestat(directory.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False


def tidy(directory: Path) -> None:
    """Remove a directory and its parents, `.state` at most, as far as they are empty."""
    ours = directory.parts.index(STATE) if STATE in directory.parts else len(directory.parts) - 1
    for path in [directory, *directory.parents][: len(directory.parts) - ours]:
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return
