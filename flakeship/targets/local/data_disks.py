"""Data disks: files that belong to a server and outlive its machines."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.nix import image_file
from flakeship.system.files import locked
from flakeship.targets.local import qemu_devices, qemu_process, workstation
from flakeship.targets.local.qemu_command import create_disk, resize_disk
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.resources import DataDiskRequest
from flakeship.targets.local.stack_files import forget


def ensure(request: DataDiskRequest) -> None:
    """Create or grow a disk, also of a running machine.

    Raises FlakeshipError: `workstation-mismatch`, `checkout-mismatch`, `data-disk-shrinks`.
    """
    workstation.require(request.workstation, _name(request))
    path = request.path
    with locked(path.parent):
        if not path.exists():
            create_disk(path, request.size)
        size = image_file.mebibytes(image_file.inspect(path)[1])
        if request.size < size:
            raise FlakeshipError(
                "a data disk cannot shrink",
                code="data-disk-shrinks",
                key=_name(request),
                given=f"{request.size} MiB",
                allowed=f"{size} MiB or more",
                remedy="keep its size, or copy the data to a disk with another name",
            )
        if request.size > size:
            _grow(request)


def delete(request: DataDiskRequest) -> None:
    """Delete a disk with its data.

    Raises FlakeshipError: `workstation-mismatch`, `checkout-mismatch`, or `disk-busy` while a
    machine has it.
    """
    workstation.require(request.workstation, _name(request))
    if machine := _user(request):
        raise FlakeshipError(
            f"it is not deleted: the running machine {machine.name} has it",
            code="disk-busy",
            key=_name(request),
            remedy="run `pulumi up` first: it detaches a disk that is no longer configured",
        )
    forget(request.path)


def _grow(request: DataDiskRequest) -> None:
    if machine := _user(request):
        with connect(machine) as monitor:
            qemu_devices.resize(monitor, request.name, request.size * MIB)
    else:
        resize_disk(request.path, request.size)


def _name(request: DataDiskRequest) -> str:
    return f"data disk {request.name} of {request.server}"


def _user(request: DataDiskRequest) -> Path | None:
    """The directory of the stack's running machine that has a disk."""
    if not request.path.exists():
        return None
    machines = request.files.machine_directories
    return next((each for each in machines if qemu_process.has_open(each, request.path)), None)
