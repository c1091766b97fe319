"""Reads the state of machines from their directories and QEMUs, without changing anything."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flakeship.targets.local import hotplug, port_forwards, qemu_process
from flakeship.targets.local.inventory import MachineState
from flakeship.targets.local.machine_record import MachineRecord, load
from flakeship.targets.local.qmp import Monitor, QmpError, connect

CONCURRENCY = 16
"""Machines asked at the same time: a QEMU that does not answer takes its whole timeout."""


def inspect_machines(directory: Path, besides: Iterable[str] = ()) -> dict[str, MachineState]:
    """The machines of a stack by id, except for some."""
    skipped = set(besides)
    found = [path for path in sorted(directory.glob("*/")) if path.name not in skipped]
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


def machine_state(monitor: Monitor, record: MachineRecord) -> MachineState:
    """What a machine's QEMU answers. Raises QmpError."""
    return MachineState(
        record,
        runs=qemu_process.is_running(monitor),
        forwards=port_forwards.of_server(monitor, record),
        disks=hotplug.attached(monitor),
    )
