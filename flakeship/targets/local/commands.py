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


def verify(request: VerifyMachineRequest, printed: str) -> Evidence:
    """Verify a machine; what was printed before has the pinned host keys."""
    return verify_machine(request, pinned_keys(printed, request.verify.machine))


COMMANDS: Mapping[str, Command] = {
    "ensure-data-disk": Command(DataDiskRequest, lambda request, _: data_disks.ensure(request)),
    "delete-data-disk": Command(DataDiskRequest, lambda request, _: data_disks.delete(request)),
    "start-machine": Command(MachineRequest, start_machine),
    "stop-machine": Command(MachineRequest, lambda request, _: machine.stop(request)),
    "verify-machine": Command(VerifyMachineRequest, verify),
    "cutover": Command(CutoverRequest, lambda request, _: cutover.cutover(request)),
    "remove-cutover": Command(CutoverRequest, lambda request, _: cutover.remove(request)),
}
