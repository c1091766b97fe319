"""Layouts of disks that people use, and whether what is on the disk has grown to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.system.process import run
from flakeship.verify.checks import disk, probe
from flakeship.verify.checks.facts import Section
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import REQUEST, machine, subject

M = 1024  # KiB


def df(mib: int, kind: str) -> str:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on"
    return f"{head}\nx {mib * M} 1 1 1% /\ntype {kind}"


def measured(size: int, root: str, *lines: str) -> str:
    known = machine(root=root, disks=Section(0, "\n".join(lines), "", 0))
    return disk.root_size(subject(known, replace(REQUEST, disk=size)))


BOOT = [
    f"disk vda {3072 * M}",
    f"partition vda1 vda {1 * M}",
    f"partition vda2 vda {512 * M}",
    f"partition vda3 vda {2558 * M}",
    f"used vda2 vda {511 * M} /boot",
]
DATA = ["disk vdb 10485760", "used vdb vdb 10000000 /data/pg"]


@pytest.mark.parametrize(
    ("size", "root", "lines", "detail"),
    [
        (4096, df(3896, "ext4"), [], "3896 MiB of a disk of 4096 MiB"),
        (
            3072,
            df(2486, "ext4"),
            [*BOOT, f"used vda3 vda {2486 * M} /"],
            "/boot 511, / 2486, vda1 (not mounted) 1 MiB of a disk of 3072 MiB",
        ),
        (
            20480,
            df(1024, "tmpfs"),
            [f"used vda2 vda {511 * M} /boot", f"used vda3 vda {19000 * M} /nix", *DATA],
            "/ is on no disk (tmpfs); /boot 511, /nix 19000 MiB of a disk of 20480 MiB",
        ),
        (
            20480,
            df(4000, "ext4"),
            [
                f"used vda1 vda {4000 * M} /",
                f"used vda2 vda {9000 * M} /nix",
                f"used vda2 vda {9000 * M} /nix/store",
                f"used vda3 vda {5000 * M} /var",
                f"used vda4 vda {2000 * M} swap",
            ],
            "/ 4000, /nix 9000, /var 5000, swap 2000 MiB of a disk of 20480 MiB",
        ),
        (  # LUKS or LVM: the partition below counts as what is on top of it
            8192,
            df(7700, "ext4"),
            [
                "partition vda2 vda 0",
                f"used dm-0 vda {7700 * M} /",
                f"used vda1 vda {400 * M} /boot",
            ],
            "/ 7700, /boot 400 MiB of a disk of 8192 MiB",
        ),
        (  # the second slot of a system that is replaced as a whole
            8192,
            df(2000, "squashfs"),
            [f"used vda2 vda {2000 * M} /nix/store", f"partition vda3 vda {6000 * M}"],
            "/ is on no disk (squashfs); /nix/store 2000, vda3 (not mounted) 6000 MiB of a disk",
        ),
        (2048, df(900, "tmpfs"), [], "/ is on no disk (tmpfs); not asked: nothing of the disk is"),
        (2048, df(900, "overlay"), DATA, "/ is on no disk (overlay); not asked: nothing of the"),
    ],
)
def test_a_disk_that_is_used(size: int, root: str, lines: list[str], detail: str) -> None:
    assert measured(size, root, *lines).startswith(detail)


@pytest.mark.parametrize(
    ("size", "root", "lines", "detail"),
    [
        (4096, df(1000, "ext4"), [], "1000 MiB of a disk of 4096 MiB: less than 3481"),
        (8192, df(2486, "ext4"), [*BOOT, f"used vda3 vda {2486 * M} /"], "have not grown"),
        # the partition has grown, what is in it has not
        (
            8192,
            df(2486, "ext4"),
            [f"partition vda3 vda {7600 * M}", f"used vda3 vda {2486 * M} /"],
            "have not grown",
        ),
        (20480, df(1024, "tmpfs"), [f"used vda3 vda {3000 * M} /nix"], "/nix 3000 MiB of a disk"),
        # a data disk is not the machine's own
        (20480, df(2000, "ext4"), [f"used vda vda {2000 * M} /", *DATA], "2000 MiB of a disk of 2"),
        (4096, df(1000, "btrfs"), ["used vda vda nonsense /"], "`df` cannot be read"),
    ],
)
def test_a_disk_that_is_not_used(size: int, root: str, lines: list[str], detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        measured(size, root, *lines)


def test_the_disks_of_this_machine() -> None:
    """The real script, with the shell and the disks that there are here."""
    done = run(["sh", "-s", "root", "disks"], stdin=probe.SCRIPT)
    known = probe.parse(done.stdout, done.stderr)
    assert known.sections["disks"].code == 0
    assert known.root_mib > 0
    for line in known.text("disks").splitlines():
        kind, *words = line.split(" ")
        assert (kind, len(words)) in {("disk", 2), ("partition", 3), ("used", 4)}, line
        assert Path("/sys/class/block", words[0]).exists()
