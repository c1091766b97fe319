"""A flake is evaluated as memory allows, and refused is what the target cannot boot."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.config.settings import AnySettings
from flakeship.model.errors import SettingError
from flakeship.model.release import Firmware, Format, Release
from flakeship.nix import evaluate
from flakeship.nix import evaluate as memory
from flakeship.release.desired import Flake, refuse_unbootable
from flakeship.targets import registry
from flakeship.targets.openstack.images.upload import properties
from tests.unit.model.test_ledger import release

QCOW2 = release(1)


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mebibytes: int, cores: int) -> None:
    """A machine with so many cores and so much memory to spare."""
    file = tmp_path / "meminfo"
    file.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {mebibytes * 1024} kB\n")
    monkeypatch.setattr(memory, "MEMINFO", file)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))


@pytest.mark.parametrize(
    ("machine", "hosts", "workers"),
    [
        ((16000, 8), 3, 3),
        ((16000, 2), 8, 2),
        ((3500, 8), 8, 3),
        ((300, 8), 8, 1),
        ((16000, 8), 0, 1),
    ],
)
def test_as_many_evaluations_as_cores_and_memory_hold(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: tuple[int, int],
    hosts: int,
    workers: int,
) -> None:
    told(monkeypatch, tmp_path, *machine)
    assert memory.workers(hosts) == workers


@pytest.mark.parametrize("text", ["", "MemTotal: 99999999 kB\n", None])
def test_where_nobody_tells_of_the_memory_cores_decide(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    told(monkeypatch, tmp_path, 0, 4)
    if text is None:
        memory.MEMINFO.unlink()
    else:
        memory.MEMINFO.write_text(text)
    assert memory.available_memory() is None
    assert memory.workers(9) == 4


@pytest.mark.parametrize(
    ("group", "above", "left"),
    [
        (("max", "5"), ("max", "5"), 9000),
        (("3000", "1000"), ("max", "5"), 2100),
        (("8000", "1000"), ("2000", "1500"), 600),
        (("1000", "1200"), ("max", "5"), 0),
        (("64000", "0"), ("max", "5"), 9000),
    ],
)
def test_a_control_group_leaves_less(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    group: tuple[str, str],
    above: tuple[str, str],
    left: int,
) -> None:
    told(monkeypatch, tmp_path, 9000, 4)
    memory.OWN_CGROUP.write_text("0::/user.slice/shell\n")
    own = memory.CGROUPS / "user.slice/shell"
    own.mkdir(parents=True)
    for folder, numbers in ((own, group), (own.parent, above)):
        for name, mebibytes in zip(("max", "current"), numbers, strict=True):
            text = mebibytes if mebibytes == "max" else str(int(mebibytes) << 20)
            (folder / f"memory.{name}").write_text(f"{text}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {100 << 20}\n")
    assert memory.available_memory() == left


class Evaluator:
    """Notes down how many evaluations there are at a time."""

    def __init__(self, kind: Format = "qcow2") -> None:
        self.format: Format = kind
        self.running = self.most = 0
        self.lock = threading.Lock()

    def evaluate(self, _flake: str, host: str, variant: str, _access: Path) -> Release:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        with self.lock:
            self.running -= 1
        return replace(QCOW2, host=host, variant=variant, format=self.format)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnySettings:
    (tmp_path / "flake").mkdir()
    (tmp_path / "flake/flake.nix").touch()
    monkeypatch.chdir(tmp_path)
    return AnySettings(flake="./flake", host="web", servers=[])


@pytest.mark.parametrize(("mebibytes", "most"), [(16000, 4), (2500, 2), (100, 1)])
def test_hosts_are_evaluated_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: AnySettings,
    mebibytes: int,
    most: int,
) -> None:
    told(monkeypatch, tmp_path, mebibytes, 4)
    flake = Evaluator()
    monkeypatch.setattr(evaluate, "evaluate", flake.evaluate)
    hosts = ["web", "db", "mail", "forge"]
    found = Flake(settings, "dev", registry.spec("local")).releases(hosts)
    assert list(found.releases) == hosts
    assert flake.most == most


def test_a_variant_that_the_target_cannot_boot_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings
) -> None:
    monkeypatch.setattr(evaluate, "evaluate", Evaluator("netboot").evaluate)
    asked = settings.model_copy(update={"variant": "netboot"})
    with pytest.raises(SettingError) as refused:
        Flake(asked, "dev", registry.spec("local")).releases(["web"])
    error = refused.value
    assert (error.code, error.key) == ("variant-not-bootable", "flakeship:variant")
    assert (error.given, error.allowed) == ("netboot", "qemu, openstack, proxmox, raw")
    assert "image format netboot" in error.what


@pytest.mark.parametrize(
    ("target", "given", "firmware", "fits"),
    [
        ("local", "qcow2", "bios", True),
        ("local", "raw", "hybrid", True),
        ("local", "qcow2", "uefi", False),
        ("local", "raw.zst", "bios", False),
        ("openstack", "raw", "uefi", True),
        ("openstack", "qcow2", "hybrid", True),
        ("openstack", "vma.zst", "hybrid", False),
        ("openstack", "raw.zst", "bios", False),
        ("openstack", "netboot", "bios", False),
    ],
)
def test_what_a_target_boots(target: str, given: Format, firmware: Firmware, fits: bool) -> None:
    offered = replace(QCOW2, format=given, firmware=firmware)
    if fits:
        refuse_unbootable(offered, registry.spec(target))
        return
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(offered, registry.spec(target))
    assert refused.value.code == "variant-not-bootable"


@pytest.mark.parametrize(
    "system", ["aarch64-linux", "i686-linux", "x86_64-darwin", "riscv64-linux"]
)
def test_a_host_for_another_platform_is_refused_here(system: str) -> None:
    other = replace(QCOW2, system=system)
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(other, registry.spec("local"))
    assert (refused.value.code, refused.value.key) == ("system-not-bootable", "flakeship:host")
    assert (refused.value.given, refused.value.allowed) == (system, "x86_64-linux")
    refuse_unbootable(other, registry.spec("openstack"))  # its flavors tell


def test_a_machine_here_has_no_uefi() -> None:
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(replace(QCOW2, firmware="uefi"), registry.spec("local"))
    assert "firmware uefi" in refused.value.what
    assert "boots bios and hybrid" in refused.value.what


@pytest.mark.parametrize(
    ("firmware", "told"), [("bios", "bios"), ("uefi", "uefi"), ("hybrid", "bios")]
)
def test_a_cloud_is_told_of_the_firmware_in_its_own_words(firmware: Firmware, told: str) -> None:
    made = properties(replace(QCOW2, firmware=firmware), "dev", "0" * 128)
    assert made["hw_firmware_type"] == told
