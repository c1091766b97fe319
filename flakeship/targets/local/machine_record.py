"""The record of a machine's last start, in its directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.system.files import read, write
from flakeship.targets.local.accelerator import Accelerator

RECORD = "run.json"


@dataclass(frozen=True)
class MachineRecord:
    """A machine's last start: the host port of each guest port, and the workstation it runs on.

    It is written before QEMU starts, and is what the machine's command resource prints.
    """

    id: str
    boot: int
    accelerator: Accelerator
    ports: dict[int, int]
    workstation: str


def load(directory: Path) -> MachineRecord | None:
    """The record of a machine; None where it was never started.

    Raises FlakeshipError (`record-invalid`).
    """
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
