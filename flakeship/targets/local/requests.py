"""What the command resources of the target `local` read on standard input. Sizes are in MiB."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import StackFiles
from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class DataDiskRequest:
    """A data disk: it belongs to a server, not to a machine, and survives releases."""

    stack: str
    server: str
    name: str
    size: int


@dataclass(frozen=True)
class MachineRequest:
    """One QEMU machine of a server.

    `id` is a model.machine.MachineId. `sha512` and `format` are those of the release's `image`.
    `ports` are the guest ports that get a free port of the workstation (22 always does).
    `data_disks` are attached at start only where the machine is its server's active one. `boot`
    counts the starts: a machine that has died gets the next number. `workstation` is the one that
    the machine runs on.
    """

    stack: str
    server: str
    id: str
    image: str
    sha512: str
    vcpus: int
    memory: int
    disk: int
    subnet: str
    ports: list[int]
    data_disks: list[str]
    boot: int
    workstation: str
    format: str = "qcow2"

    @property
    def files(self) -> StackFiles:
        """The stack's files."""
        return StackFiles(self.stack)


@dataclass(frozen=True)
class VerifyMachineRequest:
    """Verify a running machine.

    `ports` maps guest ports to host ports, `subnet` is the machine's user network, `console` the
    file that QEMU writes its serial console to.
    """

    verify: VerifyRequest
    ports: dict[int, int]
    subnet: str
    console: str


@dataclass(frozen=True)
class CutoverRequest:
    """Move a server's data disks, host ports and stable name to a verified machine.

    `host` is the server's entry in ssh_config, with the machine that becomes active. `forwards`
    maps host ports to guest ports. `data_disks` maps names to sizes: a file system grows inside
    the guest. `data_checks` are the ports and checks that need the data disks, None without any.
    `generation` counts the cutovers: drift from the last one makes another one.
    """

    stack: str
    host: SshHost
    boot: int
    forwards: dict[int, int]
    data_disks: dict[str, int]
    workstation: str
    generation: int = 0
    data_checks: VerifyMachineRequest | None = None

    @property
    def files(self) -> StackFiles:
        """The stack's files."""
        return StackFiles(self.stack)

    @property
    def server(self) -> str:
        """The server's name."""
        return self.host.server

    @property
    def machine(self) -> str:
        """The id of the machine that becomes active."""
        return self.host.machine
