"""The check that a machine uses its disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed, unreadable

FILLED = 85  # the least percentage of the disk in file systems, beside boot loader and metadata
BESIDE_POOL = 1600  # MiB that a ZFS pool may lack: 1 GiB for boot, and a metaslab of up to 512 MiB
ROOTS = ("/", "/nix/store", "/nix", "/boot")  # one of them is on the machine's own disk
VOLATILE = {"tmpfs", "ramfs", "rootfs", "overlay", "squashfs", "nfs", "nfs4", "9p", "virtiofs"}


@dataclass(frozen=True)
class Part:
    """A file system or swap of a disk (`mount`), or a partition that nothing uses (`""`)."""

    device: str
    mib: int
    mount: str

    def __str__(self) -> str:
        return f"{self.mount or f'{self.device} (not mounted)'} {self.mib}"


def root_size(subject: Subject) -> str:
    """The file systems have grown to the disk: `/`, and what is beside it on the same disk."""
    facts, disk = subject.facts(), subject.request.disk
    if (pool := facts.pool_mib) is not None:
        least = min(disk * FILLED // 100, disk - BESIDE_POOL)
        return _judged(pool, least, f"{pool} MiB of a disk of {disk} MiB (a ZFS pool)")
    root, kind, parts = facts.root_mib, _kind(facts), _parts(facts)
    named = {part.mount for part in parts}
    if not parts and kind in VOLATILE:
        return f"/ is on no disk ({kind}); not asked: nothing of the disk is mounted"
    if not parts or (named == {"/"} and len(parts) == 1):
        return _judged(root, disk * FILLED // 100, f"{root} MiB of a disk of {disk} MiB")
    shown = f"{', '.join(map(str, parts))} MiB of a disk of {disk} MiB"
    if "/" not in named:
        shown = f"/ is on no disk ({kind}); {shown}"
    return _judged(sum(part.mib for part in parts), disk * FILLED // 100, shown)


def _judged(size: int, least: int, shown: str) -> str:
    if size < least:
        raise Failed(f"{shown}: less than {least} MiB, the file systems have not grown to it")
    return shown


def _kind(facts: Facts) -> str:
    found = re.search(r"^type (\S+)$", facts.text("root"), re.MULTILINE)
    return found[1] if found else "of an unknown kind"


def _parts(facts: Facts) -> list[Part]:
    """What uses the disk that the system is on; nothing where that is not known."""
    lines = [line.split(" ", 4) for line in facts.lines("disks")]
    used: dict[str, tuple[str, Part]] = {}
    for line in lines:
        match line:
            case ["used", device, disk, size, mount] if device not in used:
                used[device] = disk, Part(device, _mib(size), mount)
            case ["used", device, disk, size, mount] if mount in ROOTS:
                used[device] = disk, Part(device, _mib(size), min(mount, used[device][1].mount))
    disks = {part.mount: disk for disk, part in used.values()}
    own = next((disks[mount] for mount in ROOTS if mount in disks), None)
    if own is None:
        return []
    parts = [part for disk, part in used.values() if disk == own]
    for line in lines:
        match line:
            case ["partition", device, disk, size] if disk == own and device not in used:
                parts.append(Part(device, _mib(size), ""))
    return [part for part in parts if part.mib]


def _mib(kib: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", kib):
        raise unreadable("df", kib[:80])
    return int(kib) // 1024
