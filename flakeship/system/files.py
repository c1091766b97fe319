"""Files that are whole or absent, and locks on directories, which leave no file behind.

Nothing is written through a symbolic link: a repository could bring one in its `.state`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flakeship.model.errors import FlakeshipError

STATE = ".state"  # the name of the directory that all files of Flakeship are in


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step: a reader sees the old text or the new one.

    A symbolic link in its place is replaced. Raises FlakeshipError as `refuse_links` does.
    """
    make_directory(path.parent)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(new, flags, 0o600), "w") as file:
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


def make_directory(path: Path) -> None:
    """Make a directory with its parents. Raises FlakeshipError as `refuse_links` does."""
    refuse_links(path)
    path.mkdir(parents=True, exist_ok=True)


def refuse_links(path: Path) -> None:
    """Refuse a path with a symbolic link in it, from `.state` on to its end.

    Ask before another program writes there. Raises FlakeshipError (`state-link`).
    """
    inner = [path, *path.parents][: _below(path)] if STATE in path.parts else []
    for each in reversed(inner):
        if each.is_symlink():
            raise FlakeshipError(
                "is a symbolic link, and Flakeship writes through none",
                code="state-link",
                key=str(each),
                given=str(each.readlink()),
                allowed="a file or a directory",
                remedy="remove the link if you did not make it; to keep the state elsewhere, move "
                "the checkout, or mount a file system there",
            )


def tidy(directory: Path) -> None:
    """Remove a directory and its parents, up to `.state`, as far as they are empty."""
    for path in [directory, *directory.parents][: _below(directory)]:
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


def _below(path: Path) -> int:
    """How many of a path's parts are from `.state` on; the last one where it is not there."""
    parts = path.parts
    return len(parts) - parts.index(STATE) if STATE in parts else 1


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock a directory itself exclusively, or `shared`; it is made where it is missing."""
    while True:
        try:
            make_directory(directory)
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
