"""What is known of a machine: the record of its last start, and what its QEMU answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.system.files import read, write
from flakeship.targets.local import qemu_devices, qemu_process
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.qmp import Qmp, QmpError, connect

CONCURRENCY = 16  # a QEMU that does not answer takes its whole timeout
RECORD = "run.json"


@dataclass(frozen=True)
class MachineRecord:
    """A machine's last start, with the host port of each guest port: what its resource prints."""

    id: str
    boot: int
    accelerator: Accelerator
    ports: dict[int, int]
    workstation: str


@dataclass(frozen=True)
class MachineState:
    """A machine's last start, and what its QEMU has now.

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


def load(directory: Path) -> MachineRecord | None:
    """The record of a machine that was started once. Raises FlakeshipError (`record-invalid`)."""
    text = read(directory / RECORD)
    try:
        return codec.parse(MachineRecord, text) if text else None
    except ValidationError as error:
        raise FlakeshipError(
            f"the record of the machine cannot be read ({directory / RECORD})",
            code="record-invalid",
            key=directory.name,
            remedy="restore the file, or end the machine's QEMU and remove its directory",
        ) from error


def save(directory: Path, record: MachineRecord) -> None:
    """Write the record of a machine."""
    write(directory / RECORD, codec.dump(record) + "\n")


def inspect_machines(directory: Path, besides: Iterable[str] = ()) -> dict[str, MachineState]:
    """The machines of a stack by id, except for some. Raises FlakeshipError (`record-invalid`)."""
    found = [path for path in sorted(directory.glob("*/")) if path.name not in besides]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        states = pool.map(inspect_machine, found)
        return dict(zip((path.name for path in found), states, strict=True))


def inspect_machine(directory: Path) -> MachineState:
    """One machine; also one whose QEMU does not answer."""
    record = load(directory)
    if record is None or not qemu_process.exists(directory):
        return MachineState(record)
    try:
        with connect(directory, qemu_process.PROBE_SECONDS) as monitor:
            return machine_state(monitor, record)
    except QmpError:
        return MachineState(record)


def machine_state(monitor: Qmp, record: MachineRecord) -> MachineState:
    """What a machine's QEMU answers. Raises QmpError."""
    own = record.ports.values()
    forwards = qemu_devices.forwards(monitor)
    return MachineState(
        record,
        runs=qemu_process.status(monitor) == "running",
        forwards={host: guest for host, guest in forwards.items() if host not in own},
        disks=qemu_devices.disks(monitor),
    )
