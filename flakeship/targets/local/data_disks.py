"""Data disks: files that belong to a server and outlive its machines."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.nix import image_file
from flakeship.system.files import locked, tidy
from flakeship.system.process import run
from flakeship.targets.local import hotplug, qemu_process
from flakeship.targets.local.qemu_command import create_disk, resize_disk
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import DataDiskRequest
from flakeship.targets.local.stack_files import StackFiles

SECONDS = 60
"""How long qemu-img may take."""


def ensure(request: DataDiskRequest) -> None:
    """Create a disk, or grow it, also while a machine has it; the file system grows at the cutover.

    Raises FlakeshipError (`data-disk-shrinks`).
    """
    path = _path(request)
    with locked(path.parent):
        if not path.exists():
            new = path.with_suffix(".new")
            run(create_disk(new, request.size), timeout=SECONDS)
            new.replace(path)
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
    """Delete a disk with its data. Raises FlakeshipError (`disk-busy`) while a machine has it."""
    path = _path(request)
    if machine := _user(request):
        raise FlakeshipError(
            f"it is not deleted: the running machine {machine.name} has it",
            code="disk-busy",
            key=_name(request),
            remedy="run `pulumi up` first: it detaches a disk that is no longer configured",
        )
    path.unlink(missing_ok=True)
    tidy(path.parent)


def _grow(request: DataDiskRequest) -> None:
    if machine := _user(request):
        with connect(machine) as monitor:
            size = request.size * MIB
            monitor.execute(
                "block_resize", **{"node-name": hotplug.node(request.name), "size": size}
            )
    else:
        run(resize_disk(_path(request), request.size), timeout=SECONDS)


def _name(request: DataDiskRequest) -> str:
    return f"data disk {request.name} of {request.server}"


def _path(request: DataDiskRequest) -> Path:
    return StackFiles(request.stack).data_disk(request.server, request.name)


def _user(request: DataDiskRequest) -> Path | None:
    """The directory of the stack's running machine that has a disk."""
    path = _path(request)
    if not path.exists():
        return None
    machines = sorted(StackFiles(request.stack).machines.glob("*"))
    return next((machine for machine in machines if qemu_process.has_open(machine, path)), None)
