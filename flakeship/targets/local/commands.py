"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flakeship.nix import store
from flakeship.targets.base import Command
from flakeship.targets.local import cutover, data_disks, machine
from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.resources import (
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)

if TYPE_CHECKING:
    from flakeship.model.evidence import Evidence


def _start(request: MachineRequest, _: str) -> MachineRecord:
    """Start a machine, and keep its image from collection as long as the machine exists."""
    record = machine.ensure(request)
    store.keep(request.image, request.files.machine(request.id) / "image")
    return record


def _verify(request: VerifyMachineRequest, printed: str) -> Evidence:
    """Verify a machine; what was printed before has the pinned host keys."""
    # the other commands have no use for the checks, and start sooner
    from flakeship.targets.local.verify_machine import verify_machine  # noqa: PLC0415
    from flakeship.verify.verify import pinned_keys  # noqa: PLC0415

    return verify_machine(request, pinned_keys(printed, request.verify.machine))


COMMANDS: Mapping[str, Command] = {
    "ensure-data-disk": Command(DataDiskRequest, lambda request, _: data_disks.ensure(request)),
    "delete-data-disk": Command(DataDiskRequest, lambda request, _: data_disks.delete(request)),
    "start-machine": Command(MachineRequest, _start),
    "stop-machine": Command(MachineRequest, lambda request, _: machine.stop(request)),
    "verify-machine": Command(VerifyMachineRequest, _verify),
    "cutover": Command(CutoverRequest, lambda request, _: cutover.cutover(request)),
    "remove-cutover": Command(CutoverRequest, lambda request, _: cutover.remove(request)),
}
