"""The types of the target's resources, and what makes and removes them.

Each imports what it needs when it runs, and so starts sooner.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flakeship.model import codec
from flakeship.targets.base import ResourceType
from flakeship.targets.local.resources import (
    Cutover,
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    MadeDisk,
    VerifyMachineRequest,
)

if TYPE_CHECKING:
    from flakeship.model.evidence import Evidence
    from flakeship.targets.local.machine_state import MachineRecord


def _ensure_data_disk(request: DataDiskRequest, previous: str) -> MadeDisk:
    """Create or grow a disk; one that has been made somewhere is there alone."""
    from flakeship.targets.local import data_disks, workstation

    if previous:
        made = codec.parse(MadeDisk, previous)
        workstation.require(made.workstation, f"data disk {request.name} of {request.server}")
    data_disks.ensure(request)
    return MadeDisk(request.workstation)


def _delete_data_disk(request: DataDiskRequest, _: str) -> None:
    from flakeship.targets.local import data_disks

    data_disks.delete(request)


def _start(request: MachineRequest, previous: str) -> MachineRecord:
    """Start a machine, and keep its image from collection as long as the machine exists.

    One that has been started somewhere is started there alone.
    """
    from flakeship.nix import store
    from flakeship.targets.local import machine, workstation
    from flakeship.targets.local.machine_state import MachineRecord

    if previous:
        workstation.require(codec.parse(MachineRecord, previous).workstation, request.id)
    record = machine.ensure(request)
    store.keep(request.image, request.files.machine(request.id) / "image")
    return record


def _stop(request: MachineRequest, _: str) -> None:
    from flakeship.targets.local import machine

    machine.stop(request)


def _verify(request: VerifyMachineRequest, previous: str) -> Evidence:
    """Verify a machine; the evidence of the last time has the pinned host keys."""
    from flakeship.targets.local.verify_machine import verify_machine
    from flakeship.verify.verify import pinned_keys

    return verify_machine(request, pinned_keys(previous, request.verify.machine))


def _cut_over(request: CutoverRequest, previous: str) -> Cutover:
    from flakeship.targets.local import cutover

    return cutover.cutover(request, previous)


def _remove_cutover(request: CutoverRequest, _: str) -> None:
    from flakeship.targets.local import cutover

    cutover.remove(request)


TYPES: Mapping[str, ResourceType] = {
    "DataDisk": ResourceType(DataDiskRequest, _ensure_data_disk, _delete_data_disk),
    "Machine": ResourceType(MachineRequest, _start, _stop),
    "Verification": ResourceType(VerifyMachineRequest, _verify),
    "Cutover": ResourceType(CutoverRequest, _cut_over, _remove_cutover),
}
