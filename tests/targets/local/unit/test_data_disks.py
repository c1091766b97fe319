import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.system.process import run
from flakeship.targets.local import data_disks, hotplug, machine, qemu_process
from flakeship.targets.local.qmp import Qmp, QmpError, connect
from flakeship.targets.local.requests import DiskRequest, MachineRequest
from tests.targets.local.unit.qemu_world import MACHINES, raw_image, real_qemu, refusal, request

PATH = Path(".state/dev/disks/web/pg.qcow2")


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    yield
    for directory in MACHINES.glob("*"):
        qemu_process.end(directory, gently=False)


def size() -> int:
    told = run(["qemu-img", "info", "-U", "--output=json", PATH]).stdout
    return int(json.loads(told)["virtual-size"]) // 2**20


def started(tmp_path: Path) -> MachineRequest:
    """A real machine that halts; the kernel that would let go of a disk is missing."""
    wanted = request(image=raw_image(tmp_path / "halt.qcow2"), disks={"pg": str(PATH)})
    machine.ensure(wanted, lambda _: None)
    return wanted


@real_qemu
def test_is_made_grown_and_removed() -> None:
    data_disks.ensure(DiskRequest(str(PATH), 8))
    assert size() == 8
    data_disks.ensure(DiskRequest(str(PATH), 8))
    data_disks.ensure(DiskRequest(str(PATH), 16))
    assert size() == 16
    data_disks.delete(DiskRequest(str(PATH), 16))
    assert not Path(".state").exists()
    data_disks.delete(DiskRequest(str(PATH), 16))


@real_qemu
def test_does_not_shrink() -> None:
    data_disks.ensure(DiskRequest(str(PATH), 8))
    assert refusal(lambda: data_disks.ensure(DiskRequest(str(PATH), 4))) == (
        "the data disk web/pg has 8 MiB and cannot shrink to 4: set its size to 8 or more, "
        "or copy the data to a disk of another name"
    )
    assert size() == 8


@real_qemu
def test_is_plugged_in_grown_and_kept_while_a_machine_has_it(tmp_path: Path) -> None:
    data_disks.ensure(DiskRequest(str(PATH), 8))
    directory = Path(started(tmp_path).directory)
    with connect(directory) as monitor:
        hotplug.attach(monitor, "pg", PATH)
        hotplug.attach(monitor, "pg", PATH)
        assert hotplug.attached(monitor) == {"pg": PATH.absolute()}
    data_disks.ensure(DiskRequest(str(PATH), 16))
    assert size() == 16
    said = refusal(lambda: data_disks.delete(DiskRequest(str(PATH), 16)))
    assert said.startswith("the data disk web/pg is not removed: the running machine web-aaa")
    assert PATH.exists()


@real_qemu
def test_a_moved_checkout_knows_who_has_a_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data_disks.ensure(DiskRequest(str(PATH), 8))
    with connect(Path(started(tmp_path).directory)) as monitor:
        hotplug.attach(monitor, "pg", PATH)
    (tmp_path / "moved").mkdir()
    Path(".state").rename("moved/.state")
    monkeypatch.chdir(tmp_path / "moved")
    assert "has it" in refusal(lambda: data_disks.delete(DiskRequest(str(PATH), 8)))
    data_disks.ensure(DiskRequest(str(PATH), 16))
    assert size() == 16


@real_qemu
def test_one_machine_at_a_time_has_it(tmp_path: Path) -> None:
    data_disks.ensure(DiskRequest(str(PATH), 8))
    wanted = started(tmp_path)
    other = replace(wanted, id="web-bbbb-1", directory=str(MACHINES / "web-bbbb-1"))
    machine.ensure(other, lambda _: None)
    with connect(Path(wanted.directory)) as first, connect(Path(other.directory)) as second:
        hotplug.attach(first, "pg", PATH)
        with pytest.raises(QmpError, match='Failed to get "write" lock'):
            hotplug.attach(second, "pg", PATH)


@real_qemu
def test_a_guest_that_does_not_let_go_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hotplug, "UNPLUG_SECONDS", 0.2)
    data_disks.ensure(DiskRequest(str(PATH), 8))
    with connect(Path(started(tmp_path).directory)) as monitor:
        hotplug.attach(monitor, "pg", PATH)
        said = refusal(lambda: hotplug.detach(monitor, "pg"))
        assert said.startswith("the guest did not let go of the disk pg within 0.2 s")
        assert hotplug.attached(monitor) == {"pg": PATH.absolute()}


class Recorder(Qmp):
    """Only what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []

    def execute(self, command: str, **arguments: object) -> list[object]:
        self.sent.append((command, arguments))
        return []


def test_exact_commands(tmp_path: Path) -> None:
    monitor = Recorder()
    hotplug.attach(monitor, "pg", PATH)
    assert monitor.sent[-2:] == [
        (
            "blockdev-add",
            {
                "driver": "qcow2",
                "node-name": "data-pg",
                "discard": "unmap",
                "file": {"driver": "file", "filename": str(tmp_path / PATH)},
            },
        ),
        (
            "device_add",
            {
                "driver": "virtio-blk-pci",
                "id": "disk-pg",
                "drive": "data-pg",
                "serial": "pg",
            },
        ),
    ]
    assert data_disks.create(PATH, 8) == [
        *("qemu-img", "create", "-q", "-f", "qcow2", str(PATH), "8M"),
    ]
    assert data_disks.resize(PATH, 8) == [
        "qemu-img",
        "resize",
        "-q",
        "-f",
        "qcow2",
        str(PATH),
        "8M",
    ]
