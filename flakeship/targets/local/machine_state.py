"""What is known of a machine: the record of its last start, and what its QEMU answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.fields import PortNumber, StoredPort, Text
from flakeship.model.machine import MachineName
from flakeship.model.ports import SSH
from flakeship.system.files import read, write
from flakeship.targets.local import condition, copies, qemu_devices, qemu_process
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.qemu_command import PID
from flakeship.targets.local.qmp import Qmp, QmpError, connect
from flakeship.targets.local.stack_files import StackFiles

CONCURRENCY = 16  # a QEMU that does not answer takes its whole timeout
RECORD = "run.json"


@dataclass(frozen=True)
class MachineRecord:
    """A machine's last start, with the host port of each guest port: what its resource prints."""

    id: MachineName
    boot: Annotated[int, Field(ge=1)]
    accelerator: Accelerator
    ports: dict[PortNumber, StoredPort]
    workstation: Text


@dataclass(frozen=True)
class MachineState:
    """A machine's last start, and what its QEMU has now."""

    record: MachineRecord | None = None
    runs: bool = False  # also false for a paused or crashed guest; `status` tells
    # host ports to guest ports beyond those of the record: the server's own
    forwards: Mapping[int, int] = field(default_factory=dict)
    disks: Mapping[str, Path] = field(default_factory=dict)  # the attached data disks' files
    status: str = condition.GONE
    elsewhere: copies.Process | None = None  # its QEMU, where that is in another directory

    @property
    def next_boot(self) -> int:
        """The number of the start that the machine is in or, where it does not run, gets next."""
        last = self.record.boot if self.record else 0
        return last if self.runs else last + 1


def load(directory: Path) -> MachineRecord | None:
    """The record of a machine that was started once. Raises FlakeshipError (`record-invalid`)."""
    file = directory / RECORD
    try:
        text = read(file)
    except FlakeshipError as error:
        if not directory.is_dir():  # what is wrong is above it
            raise
        raise _unreadable(file) from error
    try:
        found = codec.parse(MachineRecord, text) if text or file.exists() else None
    except ValidationError as error:
        raise _unreadable(file) from error
    if found and (found.id != directory.name or SSH not in found.ports):
        raise _unreadable(file)
    return found


def _unreadable(file: Path) -> FlakeshipError:
    directory = file.parent
    running = qemu_process.exists(directory)
    end = f"end its QEMU (`kill $(cat {directory / PID})`), " if running else ""
    return FlakeshipError(
        f"the record of the machine cannot be read ({file}): it was cut off or overwritten",
        code="record-invalid",
        key=directory.name,
        remedy=f"restore the file from a backup, or {end}remove {directory} and run `pulumi "
        "up`, which makes the machine anew",
    )


def save(directory: Path, record: MachineRecord) -> None:
    """Write the record of a machine."""
    write(directory / RECORD, codec.dump(record) + "\n")


def inspect_machines(files: StackFiles, besides: Iterable[str] = ()) -> dict[str, MachineState]:
    """The machines of a stack by id, except for some. Raises FlakeshipError (`record-invalid`)."""
    found = [path for path in files.machine_directories if path.name not in besides]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        states = pool.map(inspect_machine, found)
        return dict(zip((path.name for path in found), states, strict=True))


def inspect_machine(directory: Path) -> MachineState:
    """One machine; also one whose QEMU does not answer."""
    record = load(directory)
    if record is None or not qemu_process.exists(directory):
        return MachineState(record, elsewhere=copies.elsewhere(directory))
    try:
        with connect(directory, qemu_process.PROBE_SECONDS) as monitor:
            return machine_state(monitor, record)
    except QmpError:
        return MachineState(record, status=condition.SILENT)


def machine_state(monitor: Qmp, record: MachineRecord) -> MachineState:
    """What a machine's QEMU answers. Raises QmpError."""
    own = record.ports.values()
    forwards = qemu_devices.forwards(monitor)
    status = qemu_process.status(monitor)
    return MachineState(
        record,
        runs=status == condition.RUNNING,
        status=status,
        forwards={host: guest for host, guest in forwards.items() if host not in own},
        disks=qemu_devices.disks(monitor),
    )
