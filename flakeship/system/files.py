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
from flakeship.model.sizes import MIB

LARGEST = 4 * MIB  # bytes of a file that is read
MOST_LOST = 1000  # times that a directory is gone again before it is locked
STATE = ".state"  # the name of the directory that all files of Flakeship are in


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step: a reader sees the old text or the new one.

    A symbolic link in its place is replaced. Raises FlakeshipError (`state-unusable`), and as
    `refuse_links` does.
    """
    make_directory(path.parent)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with _usable(path):
        try:
            with os.fdopen(os.open(new, flags, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def read(path: Path) -> str:
    """The text of a file, empty where there is none. Raises FlakeshipError (`state-unreadable`).

    Its remedy is for a file that `pulumi up` writes again: who reads another raises its own error.
    """
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


def expanded(path: str | Path) -> Path:
    """A path whose leading `~` is a home; that of a user who does not exist stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises there


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
            remedy=f"{STATE} must be a directory that can be written to, with room on its disk"
            if STATE in path.parts
            else "name a file in a directory that can be written to, with room on its disk",
        ) from error


def make_directory(path: Path) -> None:
    """Make a directory with its parents, from `.state` on for its owner only.

    Raises FlakeshipError as `write` does.
    """
    refuse_links(path)
    with _usable(path):
        for each in reversed([path, *path.parents][: _below(path)]):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)


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
    """Lock a directory itself exclusively, or `shared`; it is made where it is missing.

    Raises FlakeshipError as `write` does.
    """
    lost = 0
    while True:
        try:
            make_directory(directory)
            with _usable(directory):
                opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FlakeshipError as error:
            lost += 1
            gone = isinstance(error.__cause__, FileNotFoundError) and not directory.is_symlink()
            # another process removed a parent meanwhile; or the working directory is gone
            if gone and lost < MOST_LOST:
                continue
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
