"""Snapshots of a data disk, with the real qemu-img."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.system.process import run
from flakeship.targets.local import disk_snapshots
from flakeship.targets.local.qemu_command import create_disk, resize_disk
from tests.targets.local.unit.qemu_world import real_qemu

pytestmark = real_qemu


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "pg.qcow2"
    create_disk(file, 8)
    return file


def write(disk: Path, pattern: int) -> None:
    run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 0 64k", disk])


def holds(disk: Path, pattern: int) -> bool:
    done = run(["qemu-io", "-f", "qcow2", "-c", f"read -P {pattern} 0 64k", disk], check=False)
    return done.code == 0 and "verification failed" not in done.stdout


def names(disk: Path) -> list[str]:
    return [each.name for each in disk_snapshots.snapshots(disk)]


def test_what_was_written_since_is_gone(disk: Path) -> None:
    write(disk, 1)
    disk_snapshots.take(disk, "web-bbbb-1", 1)
    write(disk, 2)
    resize_disk(disk, 16)
    disk_snapshots.restore(disk, "web-bbbb-1", keep=True)
    assert holds(disk, 1)
    assert not holds(disk, 2)
    disk_snapshots.restore(disk, "web-bbbb-1", keep=False)
    assert names(disk) == []


def test_nothing_changes_without_such_a_snapshot(disk: Path) -> None:
    write(disk, 1)
    disk_snapshots.restore(disk, "web-bbbb-1", keep=False)
    assert holds(disk, 1)
    assert names(disk.with_name("none.qcow2")) == []


def test_each_survives_as_many_later_ones_as_are_kept(disk: Path) -> None:
    for name in ("a", "b", "c", "b"):
        disk_snapshots.take(disk, name, 1)
    assert names(disk) == ["b", "c"]
    disk_snapshots.take(disk, "d", 0)
    assert names(disk) == ["d"]
    assert disk_snapshots.snapshots(disk)[0].taken.year > 2020
