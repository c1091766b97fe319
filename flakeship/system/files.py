"""Files that are whole or absent, and locks on directories, which leave no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE = ".state"  # the name of the directory that all files of Flakeship are in


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


def tidy(directory: Path) -> None:
    """Remove a directory and its parents, up to `.state`, as far as they are empty."""
    parts = directory.parts
    top = parts.index(STATE) if STATE in parts else len(parts) - 1
    for path in [directory, *directory.parents][: len(parts) - top]:
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock a directory itself exclusively, or `shared`; it is made where it is missing."""
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
    # another process may have replaced the directory before it was locked
    try:
        return os.path.samestat(directory.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False
