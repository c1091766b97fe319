import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeship.system.process import run
from flakeship.targets.local import data_disks, machine, qemu_devices, qemu_process
from flakeship.targets.local.qmp import QmpError, connect
from flakeship.targets.local.resources import DataDiskRequest
from tests.targets.local.unit.qemu_world import FILES, raw_image, real_qemu, refusal, request

PATH = FILES.data_disk("web", "pg")


def disk(size: int) -> DataDiskRequest:
    return DataDiskRequest("dev", "web", "pg", size)


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    yield
    for directory in FILES.machines.glob("*"):
        qemu_process.end(directory, gently=False)


def size() -> int:
    info = run(["qemu-img", "info", "-U", "--output=json", PATH]).stdout
    return int(json.loads(info)["virtual-size"]) // 2**20


def started(tmp_path: Path, name: str = "web-aaaa-1") -> Path:
    """The directory of a real machine that halts: it has no kernel that could release a disk."""
    image = tmp_path / "halt.qcow2"
    if not image.exists():
        raw_image(image)
    machine.ensure(request(name, image, data_disks=["pg"]))
    return FILES.machine(name)


@real_qemu
def test_is_made_grown_and_removed() -> None:
    data_disks.ensure(disk(8))
    assert size() == 8
    data_disks.ensure(disk(8))
    data_disks.ensure(disk(16))
    assert size() == 16
    data_disks.delete(disk(16))
    assert not Path(".state").exists()
    data_disks.delete(disk(16))


@real_qemu
def test_does_not_shrink() -> None:
    data_disks.ensure(disk(8))
    error = refusal(lambda: data_disks.ensure(disk(4)))
    assert (error.code, error.key) == ("data-disk-shrinks", "data disk pg of web")
    assert (error.given, error.allowed) == ("4 MiB", "8 MiB or more")
    assert size() == 8


@real_qemu
def test_is_attached_grown_and_kept_while_a_machine_has_it(tmp_path: Path) -> None:
    data_disks.ensure(disk(8))
    with connect(started(tmp_path)) as monitor:
        qemu_devices.attach(monitor, "pg", PATH)
        qemu_devices.attach(monitor, "pg", PATH)
        assert qemu_devices.disks(monitor) == {"pg": PATH.absolute()}
    data_disks.ensure(disk(16))
    assert size() == 16
    error = refusal(lambda: data_disks.delete(disk(16)))
    assert (error.code, error.key) == ("disk-busy", "data disk pg of web")
    assert "web-aaaa-1 has it" in error.what
    assert PATH.exists()


@real_qemu
def test_a_moved_checkout_knows_who_has_a_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data_disks.ensure(disk(8))
    with connect(started(tmp_path)) as monitor:
        qemu_devices.attach(monitor, "pg", PATH)
    (tmp_path / "moved").mkdir()
    Path(".state").rename("moved/.state")
    monkeypatch.chdir(tmp_path / "moved")
    assert refusal(lambda: data_disks.delete(disk(8))).code == "disk-busy"
    data_disks.ensure(disk(16))
    assert size() == 16


@real_qemu
def test_one_machine_at_a_time_has_it(tmp_path: Path) -> None:
    data_disks.ensure(disk(8))
    one, other = started(tmp_path), started(tmp_path, "web-bbbb-1")
    with connect(one) as first, connect(other) as second:
        qemu_devices.attach(first, "pg", PATH)
        with pytest.raises(QmpError, match='Failed to get "write" lock'):
            qemu_devices.attach(second, "pg", PATH)


@real_qemu
def test_a_guest_that_does_not_release_a_disk_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(qemu_devices, "UNPLUG_SECONDS", 0.2)
    data_disks.ensure(disk(8))
    with connect(started(tmp_path)) as monitor:
        qemu_devices.attach(monitor, "pg", PATH)
        error = refusal(lambda: qemu_devices.detach(monitor, "pg"))
        assert (error.code, error.key) == ("disk-busy", "data disk pg")
        assert "within 0.2 s" in error.what
        assert qemu_devices.disks(monitor) == {"pg": PATH.absolute()}
