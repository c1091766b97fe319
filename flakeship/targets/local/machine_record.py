"""What a machine's directory remembers about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from flakeship.system.files import read, write
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.requests import Running

RECORD = "run.json"


@dataclass(frozen=True)
class MachineRecord:
    """A machine's last start, written before QEMU starts: Running, and the host it lives on."""

    id: str
    boot: int
    accelerator: Accelerator
    ports: dict[int, int]
    lives_on: str

    @property
    def running(self) -> Running:
        """What the program is told of it."""
        return Running(self.id, self.boot, self.accelerator, self.ports)


def load(directory: Path) -> MachineRecord | None:
    """The record of a machine; None where it was never started."""
    text = read(directory / RECORD)
    return TypeAdapter(MachineRecord).validate_json(text) if text else None


def save(directory: Path, saved: MachineRecord) -> None:
    """Keep the record of a machine."""
    write(directory / RECORD, json.dumps(asdict(saved), sort_keys=True) + "\n")
