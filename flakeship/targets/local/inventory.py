"""What one inspection found on the workstation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flakeship.targets.local.machine_record import MachineRecord


@dataclass(frozen=True)
class MachineState:
    """A machine's directory: the record of its last start, and what its QEMU answers.

    `runs` is false for a paused or crashed guest too. `forwards` maps host ports to guest ports
    beyond those of the record: the server's own. `disks` are the attached data disks' files.
    """

    record: MachineRecord | None = None
    runs: bool = False
    forwards: Mapping[int, int] = field(default_factory=dict)
    disks: Mapping[str, Path] = field(default_factory=dict)

    @property
    def next_boot(self) -> int:
        """The number of the start that the machine is in or, where it does not run, gets next."""
        last = self.record.boot if self.record else 0
        return last if self.runs else last + 1


@dataclass(frozen=True)
class ServerState:
    """A server's active machine, the number of its last cutover (None: no record of one), and the
    text of its entry in ssh_config; `pinned` means that known_hosts has keys for that entry."""

    active: str = ""
    generation: int | None = None
    ssh_block: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class LocalInventory:
    """A stack's machines by id and its servers by name, and what else planning needs.

    `checkout` is the absolute path that the stack's relative paths start from. `identity` is the
    private key file to log in with (empty: the user's agent). `held_ports` are the configured host
    ports that a process outside the stack listens on. `dangling` are the names of the links for
    Nix's garbage collection whose store path is gone.
    """

    workstation: str
    checkout: Path
    identity: str
    machines: Mapping[str, MachineState] = field(default_factory=dict)
    servers: Mapping[str, ServerState] = field(default_factory=dict)
    held_ports: Mapping[int, str] = field(default_factory=dict)
    dangling: frozenset[str] = frozenset()
