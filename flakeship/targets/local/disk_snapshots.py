"""Snapshots inside a data disk's file: what the disk held before a release got it.

They are qcow2's own (`qemu-img snapshot`), named by the machine that got the disk next. Taking and
restoring need a disk that no machine has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flakeship.system.process import run
from flakeship.targets.local.qemu_command import qemu_img


@dataclass(frozen=True)
class DiskSnapshot:
    """A snapshot by its name, and when it was taken."""

    name: str
    taken: datetime


def snapshots(file: Path) -> list[DiskSnapshot]:
    """The snapshots of a disk, the newest first; also of one that a machine has."""
    if not file.exists():
        return []
    answer = run(["qemu-img", "info", "-U", "--output=json", "-f", "qcow2", file]).stdout
    found = [
        DiskSnapshot(each["name"], datetime.fromtimestamp(each["date-sec"]).astimezone())
        for each in json.loads(answer).get("snapshots", [])
    ]
    return found[::-1]  # QEMU lists them in the order in which they were taken


def take(file: Path, name: str, keep: int) -> None:
    """Take a snapshot, instead of one with the same name. Of older ones the newest `keep` stay."""
    others = list[DiskSnapshot]()
    for each in snapshots(file):
        if each.name == name or len(others) == keep:
            qemu_img("snapshot", "-d", each.name, file)
        else:
            others.append(each)
    qemu_img("snapshot", "-c", name, file)


def restore(file: Path, name: str, *, keep: bool) -> None:
    """Give a disk the content of a snapshot, which is deleted then unless it is to be kept.

    Nothing changes where it has no such snapshot.
    """
    if any(each.name == name for each in snapshots(file)):
        qemu_img("snapshot", "-a", name, file)
        if not keep:
            qemu_img("snapshot", "-d", name, file)
