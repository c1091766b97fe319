"""The internal commands of the target: what its command resources run.

Each imports what it needs when it runs, and so starts sooner.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flakeship.targets.base import Command
from flakeship.targets.local.requests import (
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)

if TYPE_CHECKING:
    from flakeship.model.evidence import Evidence
    from flakeship.targets.local.cutover import Cutover
    from flakeship.targets.local.machine_record import MachineRecord


def ensure_data_disk(request: DataDiskRequest, _printed: str) -> None:
    """Create or grow a data disk."""
    from flakeship.targets.local import data_disks

    data_disks.ensure(request)


def delete_data_disk(request: DataDiskRequest, _printed: str) -> None:
    """Delete a data disk with its data."""
    from flakeship.targets.local import data_disks

    data_disks.delete(request)


def start_machine(request: MachineRequest, _printed: str) -> MachineRecord:
    """Start a machine, and keep its image from collection as long as the machine exists."""
    from flakeship.nix import store
    from flakeship.targets.local import machine

    record = machine.ensure(request)
    store.keep(request.image, request.files.machine(request.id) / "image")
    return record


def stop_machine(request: MachineRequest, _printed: str) -> None:
    """Stop a machine and remove its files."""
    from flakeship.targets.local import machine

    machine.stop(request)


def verify(request: VerifyMachineRequest, printed: str) -> Evidence:
    """Verify a machine; what was printed before has the pinned host keys."""
    from flakeship.targets.local.verify_machine import verify_machine
    from flakeship.verify.verify import pinned_keys

    return verify_machine(request, pinned_keys(printed, request.verify.machine))


def cut_over(request: CutoverRequest, _printed: str) -> Cutover:
    """Move a server to a verified machine."""
    from flakeship.targets.local import cutover

    return cutover.cutover(request)


def remove_cutover(request: CutoverRequest, _printed: str) -> None:
    """Remove a server's stable name and host ports."""
    from flakeship.targets.local import cutover

    cutover.remove(request)


COMMANDS: Mapping[str, Command] = {
    "ensure-data-disk": Command(DataDiskRequest, ensure_data_disk),
    "delete-data-disk": Command(DataDiskRequest, delete_data_disk),
    "start-machine": Command(MachineRequest, start_machine),
    "stop-machine": Command(MachineRequest, stop_machine),
    "verify-machine": Command(VerifyMachineRequest, verify),
    "cutover": Command(CutoverRequest, cut_over),
    "remove-cutover": Command(CutoverRequest, remove_cutover),
}
