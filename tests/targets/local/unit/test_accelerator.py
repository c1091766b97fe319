import os
import subprocess
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError
from flakeship.system.process import Result
from flakeship.targets.local import accelerator
from tests.targets.local.unit.qemu_world import real_qemu


class Qemu:
    """Stands for flakeship.system.process.run."""

    def __init__(self, code: int | None = None, cause: Exception | None = None) -> None:
        self.code = code
        self.cause = cause
        self.calls: list[list[str]] = []

    def __call__(self, argv: list[str], **given: object) -> Result:
        env = {"PATH": os.environ["PATH"]}
        assert given == {"check": False, "timeout": accelerator.PROBE_SECONDS, "env": env}
        self.calls.append(argv)
        if self.code is None:
            raise CommandError("it hangs") from self.cause
        return Result(self.code, "", "")


@pytest.fixture(autouse=True)
def kvm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(accelerator, "DEVICE", tmp_path / "kvm")
    return tmp_path / "kvm"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "flakeship" / "accelerator"


def found(qemu: Qemu) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "run", qemu)
        return accelerator.accelerator()


def test_a_guest_that_runs_means_kvm_and_is_remembered() -> None:
    qemu = Qemu(33)
    assert found(qemu) == "kvm"
    assert found(qemu) == "kvm"
    assert len(qemu.calls) == 1
    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(qemu.calls[0])
    assert qemu.calls[0][qemu.calls[0].index("-accel") + 1] == "kvm"


@pytest.mark.parametrize(
    "qemu", [Qemu(None, subprocess.TimeoutExpired("qemu", 3)), Qemu(1), Qemu(0)]
)
def test_a_guest_that_hangs_or_fails_means_emulation(qemu: Qemu) -> None:
    assert found(qemu) == "tcg"
    assert found(Qemu(33)) == "tcg"


def test_another_boot_of_the_workstation_probes_again(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("another-boot tcg\n")
    assert found(Qemu(33)) == "kvm"


def test_without_the_device_nothing_is_started(kvm: Path, cache: Path) -> None:
    kvm.unlink()
    qemu = Qemu(33)
    assert found(qemu) == "tcg"
    assert qemu.calls == []
    assert not cache.exists()


def test_a_missing_qemu_is_no_answer(cache: Path) -> None:
    with pytest.raises(CommandError):
        found(Qemu(None, FileNotFoundError()))
    assert not cache.exists()


def test_is_kept_in_the_users_cache(cache: Path) -> None:
    found(Qemu(33))
    assert cache.read_text().endswith(" kvm\n")


@real_qemu
def test_the_probe_guest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "PROBE_SECONDS", 30.0)  # the machine may be busy
    assert accelerator.works("tcg")
