"""Where the files of a stack's servers are on the workstation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.machine import MachineId
from flakeship.system.files import STATE, read, tidy

MACHINE = re.compile(r"[a-z][a-z0-9-]*-[a-z0-9]+-[a-z0-9]+")
NAME = re.compile(r"[a-z][a-z0-9-]{0,80}")  # of a machine, and safe as a part of a path
NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class StackFiles:
    """The paths of a stack's files: relative, so that its checkout can be moved."""

    stack: str

    @property
    def directory(self) -> Path:
        """The parent of all the others."""
        return Path(STATE, self.stack)

    @property
    def machines(self) -> Path:
        """The parent of every machine's directory."""
        return self.directory / "machines"

    @property
    def roots(self) -> Path:
        """The links that keep releases from Nix's garbage collection."""
        return self.directory / "roots"

    @property
    def ssh_config(self) -> Path:
        """The file with the stable names of the stack's servers."""
        return self.directory / "ssh_config"

    @property
    def disks(self) -> Path:
        """The parent of every server's data disks."""
        return self.directory / "disks"

    def machine(self, identity: str) -> Path:
        """A machine's overlay, console log, socket, pid file and record."""
        return self.machines / identity

    @property
    def machine_directories(self) -> list[Path]:
        """The directories of all machines, sorted."""
        return sorted(self.machines.glob("*/"))

    def active(self, server: str) -> Path:
        """The file that holds the id of a server's active machine."""
        return self.directory / "active" / server

    def active_machine(self, server: str) -> str:
        """The id of a server's active machine; empty: none. FlakeshipError (`record-invalid`)."""
        text = _record(self.active(server), "the id of a machine")
        if text and not NAME.fullmatch(text):
            raise _unreadable(self.active(server), text, "the id of a machine")
        return text

    def generation(self, server: str) -> Path:
        """The file that holds the number of a server's last cutover."""
        return self.directory / "cutovers" / server

    def last_generation(self, server: str) -> int | None:
        """The number of a server's last cutover; None: none. FlakeshipError (`record-invalid`)."""
        text = _record(self.generation(server), "a whole number")
        if text and not NUMBER.fullmatch(text):
            raise _unreadable(self.generation(server), text, "a whole number")
        return int(text) if text else None

    def data_disk(self, server: str, name: str) -> Path:
        """A data disk, which belongs to a server and survives its machines."""
        return self.disks / server / f"{name}.qcow2"


@dataclass(frozen=True)
class InStack:
    """Something of a stack, by the stack's name."""

    stack: str

    @property
    def files(self) -> StackFiles:
        """The stack's files."""
        return StackFiles(self.stack)


def server_of(machine: str) -> str:
    """The server of a machine's id; empty for any other name."""
    return MachineId.parse(machine).server if MACHINE.fullmatch(machine) else ""


def _record(file: Path, allowed: str) -> str:
    try:
        return read(file).strip()
    except FlakeshipError as error:
        raise _unreadable(file, "", allowed, f": {error.what}") from error


def _unreadable(file: Path, given: str, allowed: str, why: str = "") -> FlakeshipError:
    return FlakeshipError(
        f"the record of a cutover cannot be read{why}",
        code="record-invalid",
        key=str(file),
        given=repr(given[:80]) if given else "",
        allowed=allowed,
        remedy=f"restore the file from a backup, or remove it (`rm -r {file}`) and run `pulumi up`",
    )


def forget(file: Path) -> None:
    """Remove a file, and its directory where that is empty then."""
    file.unlink(missing_ok=True)
    tidy(file.parent)
