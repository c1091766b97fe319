"""Where the files of a stack's servers are on the workstation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flakeship.system.files import STATE, read, tidy


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

    def machine(self, identity: str) -> Path:
        """A machine's overlay, console log, socket, pid file and record."""
        return self.machines / identity

    def active(self, server: str) -> Path:
        """The file that holds the id of a server's active machine."""
        return self.directory / "active" / server

    def active_machine(self, server: str) -> str:
        """The id of a server's active machine; empty where there is none."""
        return read(self.active(server)).strip()

    def generation(self, server: str) -> Path:
        """The file that holds the number of a server's last cutover."""
        return self.directory / "cutovers" / server

    def last_generation(self, server: str) -> int | None:
        """The number of a server's last cutover; None where there is no record of one."""
        text = read(self.generation(server))
        return int(text) if text else None

    def data_disk(self, server: str, name: str) -> Path:
        """A data disk, which belongs to a server and survives its machines."""
        return self.directory / "disks" / server / f"{name}.qcow2"


@dataclass(frozen=True)
class InStack:
    """Something of a stack, by the stack's name."""

    stack: str

    @property
    def files(self) -> StackFiles:
        """The stack's files."""
        return StackFiles(self.stack)


def forget(file: Path) -> None:
    """Remove a file, and its directory where that is empty then."""
    file.unlink(missing_ok=True)
    tidy(file.parent)
