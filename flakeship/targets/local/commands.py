"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

from collections.abc import Mapping

from flakeship.model.evidence import Evidence
from flakeship.nix import store
from flakeship.targets.base import Command
from flakeship.targets.local import cutover, data_disks, machine
from flakeship.targets.local.machine_record import MachineRecord
from flakeship.targets.local.requests import (
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)
from flakeship.targets.local.verify_machine import verify_machine
from flakeship.verify.verify import pinned_keys


def start_machine(request: MachineRequest, _printed: str) -> MachineRecord:
    """Start a machine, and keep its image from collection as long as the machine exists."""
    record = machine.ensure(request)
    store.keep(request.image, request.files.machine(request.id) / "image")
    return record


def stop_machine(request: MachineRequest, _printed: str) -> None:
    """Stop a machine and remove its files."""
    machine.stop(request)


def ensure_data_disk(request: DataDiskRequest, _printed: str) -> None:
    """Create or grow a data disk."""
    data_disks.ensure(request)


def delete_data_disk(request: DataDiskRequest, _printed: str) -> None:
    """Delete a data disk with its data."""
    data_disks.delete(request)


def verify(request: VerifyMachineRequest, printed: str) -> Evidence:
    """Verify a machine; what was printed before has the pinned host keys."""
    return verify_machine(request, pinned_keys(printed, request.verify.machine))


def cut_over(request: CutoverRequest, _printed: str) -> cutover.Cutover:
    """Move a server to a verified machine."""
    return cutover.cutover(request)


def remove_cutover(request: CutoverRequest, _printed: str) -> None:
    """Remove a server's stable name and host ports."""
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
