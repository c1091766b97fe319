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
        assert given == {"check": False, "timeout": accelerator.PROBE_SECONDS}
        self.calls.append(argv)
        if self.code is None:
            raise CommandError("it hangs") from self.cause
        return Result(self.code, "", "")


@pytest.fixture
def kvm(tmp_path: Path) -> Path:
    (tmp_path / "kvm").touch()
    return tmp_path / "kvm"


def test_a_guest_that_runs_means_kvm_and_is_remembered(kvm: Path, tmp_path: Path) -> None:
    qemu, cache = Qemu(33), tmp_path / "cache" / "accelerator"
    assert accelerator.accelerator(qemu, kvm, cache) == "kvm"
    assert accelerator.accelerator(qemu, kvm, cache) == "kvm"
    assert len(qemu.calls) == 1
    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(qemu.calls[0])
    assert qemu.calls[0][qemu.calls[0].index("-accel") + 1] == "kvm"


@pytest.mark.parametrize(
    "qemu", [Qemu(None, subprocess.TimeoutExpired("qemu", 3)), Qemu(1), Qemu(0)]
)
def test_a_guest_that_hangs_or_fails_means_emulation(qemu: Qemu, kvm: Path, tmp_path: Path) -> None:
    assert accelerator.accelerator(qemu, kvm, tmp_path / "cache") == "tcg"
    assert accelerator.accelerator(Qemu(33), kvm, tmp_path / "cache") == "tcg"


def test_another_boot_of_the_workstation_probes_again(kvm: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("another-boot tcg\n")
    assert accelerator.accelerator(Qemu(33), kvm, tmp_path / "cache") == "kvm"


def test_without_the_device_nothing_is_started(tmp_path: Path) -> None:
    qemu = Qemu(33)
    assert accelerator.accelerator(qemu, tmp_path / "none", tmp_path / "cache") == "tcg"
    assert qemu.calls == []
    assert not (tmp_path / "cache").exists()


def test_a_missing_qemu_is_no_answer(kvm: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        accelerator.accelerator(Qemu(None, FileNotFoundError()), kvm, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_is_kept_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, kvm: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    accelerator.accelerator(Qemu(33), kvm)
    assert (tmp_path / "flakeship" / "accelerator").read_text().endswith(" kvm\n")


@real_qemu
def test_the_probe_guest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "PROBE_SECONDS", 30.0)  # the machine may be busy
    assert accelerator.works("tcg")
