"""Machines of this checkout that run in another directory than theirs.

`.state` can be copied, moved to another file system and restored while its machines run. What a
QEMU process has in its environment tells whose machine it is, and its open files where that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import STATE
from flakeship.targets.local import qemu_process
from flakeship.targets.local.checkout import ROOT, mark, mark_of

DELETED = " (deleted)"  # what Linux adds to the name of an open file that is gone


@dataclass(frozen=True)
class Process:
    """A QEMU of Flakeship's; `directory` is where its root disk is, or was when it was removed."""

    pid: int
    mark: str
    directory: Path
    removed: bool

    def __str__(self) -> str:
        gone = ", which was removed" if self.removed else ""
        return f"process {self.pid} in {self.directory}{gone}"


def processes() -> Iterator[Process]:
    """Every such process of this user; all of them for root."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or it ended meanwhile
            found = mark_of(int(entry.name))
            for name in _open_files(entry) if found else ():
                file = Path(name.removesuffix(DELETED))
                if file.name == ROOT:
                    removed = name.endswith(DELETED)
                    yield Process(int(entry.name), found, file.parent, removed)


def _open_files(process: Path) -> set[str]:
    found = set[str]()
    for file in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # it is closed meanwhile, and the others count still
            found.add(str(file.readlink()))
    return found


def elsewhere(directory: Path) -> Process | None:
    """The QEMU of a machine where it runs, and not in this directory."""
    if qemu_process.exists(directory):
        return None
    own, here = mark(directory), directory.resolve()
    found = (each for each in processes() if each.mark == own)
    return next((each for each in found if each.removed or each.directory != here), None)


def refuse_elsewhere(directory: Path) -> None:
    """Refuse a machine that runs in another directory (`machine-elsewhere`).

    `.state` was copied, restored from a backup or moved to another file system while it ran.
    """
    if found := elsewhere(directory):
        raise moved(directory.name, found)


def moved(machine: str, found: Process) -> FlakeshipError:
    """The error for a machine of this `.state` that runs in another directory."""
    checkout = str(found.directory).partition(f"/{STATE}/")[0]
    return FlakeshipError(
        f"it runs as {found}: this .state is a copy of that one, was moved while the machine ran, "
        "or was restored from a backup",
        code="machine-elsewhere",
        key=machine,
        remedy=f"end it (`kill {found.pid}`), and run this again"
        if found.removed
        else f"run this in {checkout}, or end the process (`kill {found.pid}`) to go on here",
    )
