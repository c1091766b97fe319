"""The lab answers what the genuine API answered: statuses, reasons, texts and shapes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.proxmox.site import STORAGES, Site, Version
from flakeship.system.process import run
from tests.dev.proxmox.client import running
from tests.dev.proxmox.no_guests import NoGuests
from tests.dev.proxmox.replay import Count, Replay

KNOWN = {
    r"task imgdel log: .*/import/d\.qcow2' does not exist": "a file that was not downloaded",
    r"ip-addresses: only one has": "how many addresses a guest had at that moment",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that stand for the recorded ones, which had 17 MB."""
    folder = tmp_path_factory.mktemp("images")
    files = {name: folder / f"{name}.qcow2" for name in ("agent", "small", "backed", "junk")}
    run(["qemu-img", "create", "-q", "-f", "qcow2", files["agent"], "48M"])
    files["small"].write_text("its request is refused before the file is looked at")
    backing = ("-b", files["agent"], "-F", "qcow2")
    run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, files["backed"]])
    files["junk"].write_text("junk")
    return files


def replayed(
    version: Version, names: dict[str, str], folder: Path, images: dict[str, Path]
) -> Count:
    site = Site(
        folder,
        version,
        port=0,
        nodes=("pve",),
        storages={s.name: s for s in STORAGES if not s.shared},
    )
    guests = NoGuests()
    with running(site, guests) as server:
        replay = Replay(server, guests, images, KNOWN)
        with contextlib.closing(replay):
            for name, until in names.items():
                replay.run(name, until)
    return replay.count


@dataclass(frozen=True)
class Recording:
    """Files that are replayed one after the other, some up to a mark; what is compared, and not."""

    version: Version
    files: dict[str, str]
    compared: int
    uncovered: int


RECORDINGS = [
    Recording("8.4", {"life-8.4": ""}, 142, 15),
    Recording("8.4", {"replies-8.4": ""}, 147, 13),
    Recording("9.2", {"life-9.2": ""}, 143, 0),
    # these were recorded while the first life was under way
    Recording("9.2", {"life-9.2": "up: second clone", "replies-9.2": ""}, 239, 13),
]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda each: list(each.files)[-1])
def test_the_answers_are_those_of_proxmox(
    recording: Recording, tmp_path: Path, images: dict[str, Path]
) -> None:
    count = replayed(recording.version, recording.files, tmp_path, images)
    print(f"{list(recording.files)[-1]}: {count.compared} answers compared")
    for why, number in count.uncovered.items():
        print(f"  not covered, {number} times: {why}")
    assert not count.differ, "\n".join(count.differ)
    assert count.compared == recording.compared
    assert sum(count.uncovered.values()) == recording.uncovered
