"""Files that are whole or absent, and locks on directories, which leave no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flakeship.model.errors import FlakeshipError

LARGEST = 4 * 1024 * 1024  # bytes of a file that is read
STATE = ".state"  # the name of the directory that all files of Flakeship are in


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step: a reader sees the old text or the new one.

    Raises FlakeshipError (`state-unusable`).
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with _usable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(opened, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def read(path: Path) -> str:
    """The text of a file, empty where there is none. Raises FlakeshipError (`state-unreadable`)."""
    try:
        found = b""
        with path.open("rb") as file:
            # in blocks: the kernel has no room for a large read from /proc
            while block := file.read(65536):
                found += block
                if len(found) > LARGEST:
                    raise unreadable(path, f"it has more than {LARGEST} bytes")
        return found.decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or "it is no text") from error


def unreadable(path: Path, why: str) -> FlakeshipError:
    """The error of a file that holds what Flakeship has not written."""
    return FlakeshipError(
        f"it cannot be read: {why}",
        code="state-unreadable",
        key=str(path),
        remedy="restore it, or move it away and run `pulumi up`, which writes it again",
    )


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FlakeshipError(
            f"it cannot be written: {error.strerror}",
            code="state-unusable",
            key=str(path),
            remedy=f"{STATE} must be a directory that can be written to, with room on its disk",
        ) from error


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
            with _usable(directory):
                directory.mkdir(parents=True, exist_ok=True)
                opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FlakeshipError as error:
            if isinstance(error.__cause__, FileNotFoundError) and not directory.is_symlink():
                continue  # another process removed a parent meanwhile
            raise
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
