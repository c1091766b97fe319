"""What the target `local` asks its commands to do.

Paths that begin with `.state` are relative to the project's directory, where every command runs, so
that a checkout may move. Sizes are in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class DiskRequest:
    """A data disk: it belongs to a server's name, not to a machine, and survives releases."""

    path: str
    size: int


@dataclass(frozen=True)
class MachineRequest:
    """One QEMU machine of a server: `id` is `<server>-<release's hash>-<shape>`.

    `boot` counts its starts: a machine that has died gets the next number. `ports` are the guest's
    ports that are to be reached through free ports of this host (22 is always one of them).
    `disks` maps the names of the server's data disks to their files: they are attached at start
    only where the machine is its server's active one (`active` holds that machine's id).
    `lives_on` names the host that the machine belongs to. `format` is the image's.
    """

    id: str
    directory: str
    active: str
    image: str
    sha512: str
    vcpus: int
    memory: int
    disk: int
    subnet: str
    ports: list[int]
    disks: dict[str, str]
    boot: int
    lives_on: str
    format: str = "qcow2"


@dataclass(frozen=True)
class Running:
    """A machine that runs: the host's port for each of the guest's."""

    id: str
    boot: int
    accelerator: str
    ports: dict[int, int]


@dataclass(frozen=True)
class VerifyMachineRequest:
    """Verify a running machine.

    `ports` maps its ports to ports of the workstation, `subnet` is its user network, `console` the
    file that QEMU writes.
    """

    verify: VerifyRequest
    ports: dict[int, int]
    subnet: str
    console: str


@dataclass(frozen=True)
class CutoverRequest:
    """Move a server's stable name, forwarded ports and data disks to a verified machine.

    `directories` holds the directory of every machine, `active` the id of the active machine of
    this server, `forwards` maps ports of this host to ports of the guest. `sizes` has the sizes
    of the data disks: one that has grown is grown inside the guest too. `lives_on` names the host.
    `serving` has the ports and checks that need the disks; None where there are no such. `move`
    counts the cut-overs: where something is not as the last one left it, there is another one.
    """

    server: str
    machine: str
    boot: int
    directories: str
    active: str
    ssh_config: str
    ssh_port: int
    user: str
    identity: str
    host_keys: list[str]
    forwards: dict[int, int]
    disks: dict[str, str]
    sizes: dict[str, int]
    lives_on: str
    serving: VerifyMachineRequest | None = None
    move: int = 0
