"""A server's machine: one directory, one QEMU process, one overlay on an image in the store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.machine import MachineId
from flakeship.model.ports import SSH
from flakeship.system.files import locked, tidy
from flakeship.targets.local import machine_start, port_forwards, qemu_process, workstation
from flakeship.targets.local.machine_record import MachineRecord, load, save
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import MachineRequest


def ensure(request: MachineRequest) -> MachineRecord:
    """Start a machine; one that runs already only gets the ports of the request.

    A machine that could not be started for the first time leaves nothing behind. Raises
    FlakeshipError: `workstation-mismatch`, `image-missing`, `image-changed`, `disk-too-small`,
    `data-disk-missing` or `qemu-failed`.
    """
    directory = request.files.machine(request.id)
    workstation.require(request.workstation, request.id)
    with locked(directory):
        record = load(directory)
        workstation.require(record.workstation if record else "", request.id)
        if record and qemu_process.recovers(directory):
            return _update(request, record)
        try:
            return machine_start.start(request, record.ports if record else {})
        except BaseException:
            qemu_process.end(directory, gently=False)
            if record is None:
                shutil.rmtree(directory)
            raise


def stop(request: MachineRequest) -> None:
    """Shut a machine down and remove it; nothing happens where it is gone already.

    Raises FlakeshipError for another workstation's machine (`workstation-mismatch`), and for an
    active one whose server has another machine (`machine-active`): that one was to take over.
    """
    workstation.require(request.workstation, request.id)
    files = request.files
    directory = files.machine(request.id)
    if files.active_machine(request.server) == request.id and directory.exists():
        others = [
            other.name
            for other in sorted(files.machines.iterdir())
            if other != directory and MachineId.parse(other.name).server == request.server
        ]
        if others:
            raise FlakeshipError(
                f"it is not removed: it is the active machine of {request.server} "
                f"({files.active(request.server)}), and {', '.join(others)} did not take over",
                code="machine-active",
                key=request.id,
                remedy="run `pulumi up`, which cuts over first",
            )
    remove(directory)


def remove(directory: Path) -> None:
    """Shut down and remove the machine of a directory; nothing happens where there is none.

    Raises FlakeshipError (`workstation-mismatch`).
    """
    if not directory.exists():
        return
    with locked(directory):
        record = load(directory)
        workstation.require(record.workstation if record else "", directory.name)
        qemu_process.end(directory, gently=True)
        shutil.rmtree(directory)
    tidy(directory.parent)


def _update(request: MachineRequest, record: MachineRecord) -> MachineRecord:
    """Give a running machine the ports of the request and no others, and its number."""
    directory = request.files.machine(request.id)
    guests = {SSH, *request.ports}
    ports = {guest: host for guest, host in record.ports.items() if guest in guests}
    added = workstation.host_ports(guests - ports.keys(), {})
    if added or ports != record.ports:
        with connect(directory) as monitor:
            for guest in record.ports.keys() - guests:
                port_forwards.place(monitor, record.ports[guest], None)
            for guest, host in added.items():
                port_forwards.add(monitor, host, guest)
    now = replace(record, boot=request.boot, ports=dict(sorted((ports | added).items())))
    if now != record:
        save(directory, now)
    return now
