"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from flakeship.model.evidence import Evidence
from flakeship.nix import store
from flakeship.targets.base import Command
from flakeship.targets.local import cutover, data_disks, machine
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.requests import (
    CutoverRequest,
    DiskRequest,
    MachineRequest,
    Running,
    VerifyMachineRequest,
)
from flakeship.targets.local.verify_machine import verify_machine
from flakeship.verify import verify

show = logging.getLogger(__name__).info


def start_machine(request: MachineRequest, _printed: str) -> Running:
    """Have a machine running, and keep its image as long as it exists."""
    running = machine.ensure(request, show)
    store.keep(request.image, Path(request.directory, "image"))
    return running


def verify_with_pins(request: VerifyMachineRequest, printed: str) -> Evidence:
    """Verify a machine; what was printed before has the host keys that are pinned."""
    return verify_machine(request, verify.pinned_keys(printed, request.verify.machine))


def cut_over(request: CutoverRequest, _printed: str) -> Cutover:
    """Move a server to its verified machine."""
    return cutover.cutover(request, show)


COMMANDS: Mapping[str, Command] = {
    "ensure-data-disk": Command(DiskRequest, lambda request, _: data_disks.ensure(request)),
    "delete-data-disk": Command(DiskRequest, lambda request, _: data_disks.delete(request)),
    "start-machine": Command(MachineRequest, start_machine),
    "stop-machine": Command(MachineRequest, lambda request, _: machine.stop(request)),
    "verify-machine": Command(VerifyMachineRequest, verify_with_pins),
    "cutover": Command(CutoverRequest, cut_over),
    "remove-cutover": Command(CutoverRequest, lambda request, _: cutover.remove(request)),
}
