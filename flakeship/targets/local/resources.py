"""The resources of the target: their kinds, their inputs, and the result of a cutover.

Sizes are in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flakeship.model.evidence import CheckResult
from flakeship.state.resources import Kind
from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import InStack
from flakeship.verify.request import VerifyRequest

DATA_DISK = Kind("disk", "DataDisk")  # of `<server>.<disk>`, and no name has a dot
MACHINE = Kind("machine", "Machine")  # of a machine's id
CUTOVER = Kind("cutover", "Cutover")  # of a server's name


@dataclass(frozen=True)
class DataDiskRequest(InStack):
    """A data disk: it belongs to a server, not to a machine, and survives releases.

    `workstation` has its file; empty: an earlier version did not record it.
    """

    server: str
    name: str
    size: int
    workstation: str = ""

    @property
    def path(self) -> Path:
        """Its file."""
        return self.files.data_disk(self.server, self.name)


@dataclass(frozen=True)
class MadeDisk:
    """A data disk that is there; `workstation` is as in its request."""

    workstation: str = ""


@dataclass(frozen=True)
class MachineRequest(InStack):
    """One QEMU machine of a server; `machine` is its id, a model.machine.MachineId.

    `ports` are the guest ports that get a free port of the workstation (22 always does).
    `data_disks` are attached at start only where the machine is active. `boot` counts the starts.
    `workstation_access`: the guest reaches the workstation's own services.
    """

    server: str
    machine: str
    image: str
    sha512: str
    vcpus: int
    memory: int
    disk: int
    subnet: str
    ports: list[int]
    data_disks: list[str]
    workstation: str
    boot: int = 1
    format: str = "qcow2"
    workstation_access: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.machine


@dataclass(frozen=True)
class VerifyMachineRequest:
    """Verify a running machine: `ports` maps guest ports to host ports.

    `subnet` is the machine's user network, `console` the file with its serial console.
    `workstation_access`: it may reach the workstation's own services.
    """

    verify: VerifyRequest
    ports: dict[int, int]
    subnet: str
    console: str
    workstation_access: bool = False


@dataclass(frozen=True)
class DataDisk:
    """A data disk of a cutover: `owner` and `mode` are those of a new one's empty directory."""

    size: int
    owner: str = "root"
    mode: str = "0755"
    keep_snapshots: int = 1


@dataclass(frozen=True)
class SshLogin:
    """How to log in to a machine, see SshHost."""

    port: int
    user: str
    identity: str = ""
    host_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class CutoverRequest(InStack):
    """Move a server's data disks, host ports and stable name to a verified machine.

    `machine` is the id of the machine that becomes active. `forwards` maps host ports to guest
    ports, `data_disks` names to disks. `data_checks` are the ports and checks that need the disks.
    `generation` counts the cutovers: drift makes another one.
    """

    server: str
    machine: str
    ssh: SshLogin
    forwards: dict[int, int]
    data_disks: dict[str, DataDisk]
    workstation: str
    boot: int = 1
    generation: int = 1
    data_checks: VerifyMachineRequest | None = None

    @property
    def host(self) -> SshHost:
        """The server's entry in ssh_config."""
        ssh = self.ssh
        return SshHost(self.server, self.machine, ssh.port, ssh.user, ssh.identity, ssh.host_keys)


@dataclass(frozen=True)
class Cutover:
    """A server's active machine, the one before or "", and the evidence of its data disks.

    `data_checks` are those of the active machine: they run again where a later cutover fails.
    """

    server: str
    machine: str
    previous: str
    forwards: dict[int, int]
    checks: list[CheckResult] = field(default_factory=list)
    data_checks: VerifyMachineRequest | None = None
