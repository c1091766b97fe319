"""Data disks: files that belong to a server's name and outlive its machines."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.system.files import tidy
from flakeship.system.lock import locked
from flakeship.system.process import run
from flakeship.targets.local import hotplug, qemu_process
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import DiskRequest

MIB = 2**20


def ensure(request: DiskRequest) -> None:
    """Make a disk, or grow it, also under a running guest; its file system grows at the cut-over.

    Raises a FlakeshipError when it would shrink.
    """
    path = Path(request.path)
    with locked(path.parent):
        if not path.exists():
            new = path.with_suffix(".new")
            run(create(new, request.size), timeout=60)
            new.replace(path)
        size = _size(path)
        if request.size * MIB < size:
            raise FlakeshipError(
                f"the data disk {_name(path)} has {size // MIB} MiB and cannot shrink to "
                f"{request.size}: set its size to {size // MIB} or more, or copy the data to a "
                "disk of another name"
            )
        if request.size * MIB > size:
            _grow(path, request.size)


def delete(request: DiskRequest) -> None:
    """Remove a disk with what is on it. Raises a FlakeshipError while a machine has it."""
    path = Path(request.path)
    if used := _used(path):
        raise FlakeshipError(
            f"the data disk {_name(path)} is not removed: the running machine {used[0].name} "
            "has it; run `pulumi up` first, which unmounts and detaches a disk that is no longer "
            "configured"
        )
    path.unlink(missing_ok=True)
    tidy(path.parent)


def create(path: Path, size: int) -> list[str]:
    """qemu-img's argv for an empty disk of `size` MiB."""
    return ["qemu-img", "create", "-q", "-f", "qcow2", str(path), f"{size}M"]


def resize(path: Path, size: int) -> list[str]:
    """qemu-img's argv to grow a disk that no machine has to `size` MiB."""
    return ["qemu-img", "resize", "-q", "-f", "qcow2", str(path), f"{size}M"]


def _grow(path: Path, size: int) -> None:
    if used := _used(path):
        directory, node = used
        with connect(directory) as monitor:
            monitor.execute("block_resize", **{"node-name": node, "size": size * MIB})
    else:
        run(resize(path, size), timeout=60)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _size(path: Path) -> int:
    """The size of a disk in bytes, also while a machine has it."""
    return image_file.inspect(path)[1]


def _used(path: Path) -> tuple[Path, str] | None:
    """The directory of the stack's running machine that has a disk, and its node's name there."""
    if not path.exists():
        return None
    # <stack>/disks/<server>/<name>.qcow2
    stack = next(above.parent for above in path.parents if above.name == "disks")
    for directory in sorted(stack.glob("machines/*")):
        if qemu_process.has_open(directory, path):
            return directory, hotplug.node(path.stem)
    return None
