"""Volumes: files of directory storages, made by qemu-img."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.proxmox.errors import PveError
from dev.proxmox.faults import Faults
from dev.proxmox.site import Site
from dev.proxmox.tasks import Log
from flakeship.model.errors import CommandError
from flakeship.system.process import run

FOLDERS = {"import": "import", "iso": "template/iso", "vztmpl": "template/cache",
           "snippets": "snippets", "backup": "dump"}  # fmt: skip
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
SECONDS = 600  # for qemu-img
MIB = 1024**2


def qemu_img(*words: str | Path) -> str:
    """Run qemu-img and return what it prints. Raises PveError with its message."""
    try:
        return run(["qemu-img", *words], timeout=SECONDS).stdout
    except CommandError as error:
        raise PveError(error.stderr.strip() or error.what) from error


def split(volid: str) -> tuple[str, str]:
    """The storage and the name of a volume. Raises PveError."""
    storage, separator, name = volid.partition(":")
    if not (separator and name and ".." not in name):
        raise PveError(f"unable to parse volume ID '{volid}'")
    return storage, name


def owner(volid: str) -> int | None:
    """The VM that a disk belongs to; None for an import, an ISO image and the like."""
    found = re.search(r"(?:^|/)(\d+)/[^/]+$", split(volid)[1])
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Place:
    """Where a new disk is to be, and the VM that it belongs to."""

    node: str
    storage: str
    vmid: int


class Volumes:
    """The volumes of all nodes and storages."""

    def __init__(self, site: Site, faults: Faults) -> None:
        self._site = site
        self._faults = faults
        self._newer = site.version == "9.2"

    def path(self, node: str, volid: str) -> Path:
        """The file of a volume."""
        storage, name = split(volid)
        kind, _, rest = name.partition("/")
        base = self._site.storage_path(node, storage)
        if kind in FOLDERS:
            return base / FOLDERS[kind] / rest
        return base / "images" / "/".join(name.split("/")[-2:])

    def listed(self, node: str, storage: str, content: str) -> list[dict[str, Any]]:
        """What a storage has of a kind of content, or of all, as `content` returns it."""
        base, found = self._site.storage_path(node, storage), []
        for kind, pattern in {**FOLDERS, "images": "images/*"}.items():
            for file in sorted(base.glob(f"{pattern}/*")) if content in {"", kind} else ():
                with suppress(PveError, FileNotFoundError):  # it was removed meanwhile
                    found.append({"content": kind} | self._listed(node, storage, kind, file))
        return found

    def _listed(self, node: str, storage: str, kind: str, file: Path) -> dict[str, Any]:
        status = file.stat()
        entry: dict[str, Any] = {"ctime": int(status.st_ctime)}
        if kind == "images":
            volid = self._volid(storage, file)
            return entry | self.info(node, volid) | {"volid": volid, "vmid": int(file.parent.name)}
        return entry | {"volid": f"{storage}:{kind}/{file.name}", "format": file.suffix[1:],
                        "size": status.st_size}  # fmt: skip

    def info(self, node: str, volid: str) -> dict[str, Any]:
        """Format, and size and used bytes. Raises PveError."""
        file = self.path(node, volid)
        if not file.exists():
            raise PveError(f"volume '{volid}' does not exist")
        described = json.loads(qemu_img("info", "-U", "--output=json", file))
        below = described.get("backing-filename")
        return {"format": described["format"], "size": described["virtual-size"],
                "used": described["actual-size"],
                **({"parent": below} if below else {})}  # fmt: skip

    def size(self, node: str, volid: str) -> int:
        """The size of a disk in bytes, as a guest sees it."""
        return int(self.info(node, volid)["size"])

    def allocate(self, place: Place, size: int, form: str, log: Log) -> str:
        """Create an empty disk of `size` bytes and return its volid."""
        volid = self._free(place, form)
        options = ["-o", "preallocation=metadata"] if form == "qcow2" else []
        file = self._new(place.node, volid)
        log(qemu_img("create", "-f", form, *options, file, str(size)).strip())
        return volid

    def allocate_cloudinit(self, place: Place) -> str:
        """Create the drive that cloud-init reads and return its volid; a start fills it."""
        volid = f"{place.storage}:{place.vmid}/vm-{place.vmid}-cloudinit.qcow2"
        if not self.path(place.node, volid).exists():
            qemu_img("create", "-q", "-f", "qcow2", self._new(place.node, volid), "4M")
        return volid

    def fill_firmware(self, node: str, volid: str) -> None:
        """Write a firmware's first variables to a disk, where the firmware is installed."""
        if VARIABLES.exists():
            file = self.path(node, volid)
            qemu_img("convert", "-n", "-f", "raw", "-O", file.suffix[1:], VARIABLES, file)

    def copy(self, source: str, place: Place, form: str | None, log: Log) -> str:
        """Copy a disk or an import to a new disk, of its format or another; return its volid."""
        before = self.info(place.node, source)
        size, form = int(before["size"]), form or str(before["format"])
        volid = self.allocate(place, size, form, log)
        if self._newer:
            log(f"allocated target volume '{volid}'")
        total = f"{size / MIB:.1f} MiB"
        log(f"transferred 0.0 B of {total} (0.00%)")
        files = (self.path(place.node, source), self.path(place.node, volid))
        qemu_img("convert", "-n", "-f", before["format"], "-O", form, *files)
        log(f"transferred {total} of {total} (100.00%)")
        return volid

    def link(self, node: str, base: str, vmid: int, log: Log) -> str:
        """Create a disk on top of a template's disk and return its volid."""
        storage, name = split(base)
        short = "/".join(name.split("/")[-2:])
        file = self._free(Place(node, storage, vmid), "qcow2").rpartition("/")[2]
        log(f"clone {short}: images, {file}, {vmid} to {file} (base=../{short})")
        options = "extended_l2=on,cluster_size=128k,preallocation=metadata"
        more = ["-o", options] if self._newer else []
        words = ["-f", "qcow2", "-F", "qcow2", "-b", f"../{short}", *more]
        log(qemu_img("create", *words, self._new(node, f"{storage}:{vmid}/{file}")).strip())
        return f"{storage}:{name}/{vmid}/{file}"

    def to_base(self, node: str, volid: str) -> str:
        """Rename a disk to that of a template: nothing may write to it any more."""
        storage, name = split(volid)
        folder, _, file = name.rpartition("/")
        base = f"{storage}:{folder}/{file.replace('vm-', 'base-', 1)}"
        self.path(node, volid).rename(self.path(node, base))
        self.path(node, base).chmod(0o444)
        return base

    def clones_of(self, node: str, volid: str) -> list[str]:
        """The linked clones of a template's disk."""
        storage, name = split(volid)
        if not name.rpartition("/")[2].startswith("base-"):
            return []
        images = self.path(node, volid).parent.parent
        with suppress(FileNotFoundError):  # a folder was removed meanwhile
            return [str(file) for file in images.glob("*/*")
                    if self._is_clone(storage, file, volid)]  # fmt: skip
        return self.clones_of(node, volid)

    def _is_clone(self, storage: str, file: Path, volid: str) -> bool:
        try:
            return self._volid(storage, file).startswith(f"{volid}/")
        except PveError:
            if file.exists():
                raise
            return False  # it was removed meanwhile

    def resize(self, node: str, volid: str, size: int) -> None:
        """Grow a disk that no guest has to `size` bytes."""
        self._faults.refuse_full(split(volid)[0])
        form = self.info(node, volid)["format"]
        qemu_img("resize", "-q", "-f", form, self.path(node, volid), str(size))

    def refuse_used(self, node: str, volid: str) -> None:
        """Raise PveError while a linked clone needs a volume."""
        if self.clones_of(node, volid):
            raise PveError(f"base volume '{volid}' is still in use by linked cloned")

    def remove(self, node: str, volid: str) -> bool:
        """Delete a volume; whether there was one. Raises PveError while a linked clone needs it."""
        self.refuse_used(node, volid)
        file = self.path(node, volid)
        if not file.exists():
            return False
        file.unlink()
        if file.parent.parent.name == "images":
            with suppress(OSError):  # others are in it, or it is gone
                file.parent.rmdir()
        return True

    def remove_all(self, node: str, vmid: int) -> None:
        """Delete what a VM has in any storage."""
        for storage in self._site.storages:
            shutil.rmtree(self._site.storage_path(node, storage) / "images" / str(vmid),
                          ignore_errors=True)  # fmt: skip

    def bring_in(self, node: str, volid: str, file: Path, log: Log) -> None:
        """Store an upload. Raises PveError where another file would be read through it."""
        self._faults.refuse_full(split(volid)[0])
        form = Path(split(volid)[1]).suffix[1:]
        command = ("info", "--output=json", "-f", form, file)
        try:
            described = json.loads(qemu_img(*command))
        except PveError:
            log(
                f"command '/usr/bin/qemu-img info '--output=json' {file} -f {form}' failed: "
                "exit code 1"
            )
            raise
        if "backing-filename" in described:
            raise PveError(f"backing file not allowed for untrusted image '{file}'!")
        if "data-file" in described.get("format-specific", {}).get("data", {}):
            raise PveError(f"data file references not allowed for untrusted image '{file}'!")
        target = self.path(node, volid)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target.with_suffix(".tmp"))
        target.with_suffix(".tmp").replace(target)

    def status(self, node: str, storage: str) -> dict[str, Any]:
        """A storage as `status` returns it; its file system is this machine's."""
        settings, place = self._site.storages[storage], self._site.storage_path(node, storage)
        place.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(place)
        total, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        if storage in self._faults.get("full", []):
            free = 0
        return {"type": "dir", "content": ",".join(settings.content), "active": 1, "enabled": 1,
                "shared": int(settings.shared), "total": total, "used": total - free,
                "avail": free}  # fmt: skip

    def _new(self, node: str, volid: str) -> Path:
        self._faults.refuse_full(split(volid)[0])
        file = self.path(node, volid)
        file.parent.mkdir(parents=True, exist_ok=True)
        return file

    def _free(self, place: Place, form: str) -> str:
        """The name of a new disk, with the first number that no disk of the VM has."""
        vmid = place.vmid
        folder = self._site.storage_path(place.node, place.storage) / "images" / str(vmid)
        taken = {file.name.partition(".")[0].partition("-")[2] for file in folder.glob("*")}
        names = (f"{vmid}-disk-{number}" for number in itertools.count())
        free = next(name for name in names if name not in taken)
        return f"{place.storage}:{vmid}/vm-{free}.{form}"

    def _volid(self, storage: str, file: Path) -> str:
        """The volid of a disk: that of a linked clone has its base in it."""
        own = f"{file.parent.name}/{file.name}"
        if file.suffix != ".qcow2":
            return f"{storage}:{own}"
        below = json.loads(qemu_img("info", "-U", "--output=json", file)).get("backing-filename")
        return f"{storage}:{below.removeprefix('../')}/{own}" if below else f"{storage}:{own}"
