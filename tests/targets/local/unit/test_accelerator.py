import subprocess
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError
from flakeship.system.process import Result
from flakeship.targets.local import accelerator
from tests.targets.local.unit.qemu_world import real_qemu

ARGV = [
    "qemu-system-x86_64", "-accel", "kvm", "-machine", "pc", "-m", "16", "-display", "none",
    "-nodefaults", "-no-user-config", "-no-reboot",
    "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
]  # fmt: skip


class Trial:
    """Stands for flakeship.process.run."""

    def __init__(self, code: int | None = None, cause: Exception | None = None) -> None:
        self.code = code
        self.cause = cause
        self.calls: list[list[str]] = []

    def __call__(self, argv: list[str], **given: object) -> Result:
        assert given == {"check": False, "timeout": accelerator.TRIAL_SECONDS}
        self.calls.append(argv)
        if self.code is None:
            raise CommandError("it hangs") from self.cause
        return Result(self.code, "", "")


@pytest.fixture
def kvm(tmp_path: Path) -> Path:
    (tmp_path / "kvm").touch()
    return tmp_path / "kvm"


def test_a_trial_that_runs_means_kvm_and_is_remembered(kvm: Path, tmp_path: Path) -> None:
    trial, cache = Trial(33), tmp_path / "cache" / "accelerator"
    assert accelerator.accelerator(trial, kvm, cache) == "kvm"
    assert accelerator.accelerator(trial, kvm, cache) == "kvm"
    assert len(trial.calls) == 1
    assert trial.calls[0][:-2] == ARGV


@pytest.mark.parametrize(
    "trial", [Trial(None, subprocess.TimeoutExpired("qemu", 3)), Trial(1), Trial(0)]
)
def test_a_trial_that_hangs_or_fails_means_emulation(
    trial: Trial, kvm: Path, tmp_path: Path
) -> None:
    assert accelerator.accelerator(trial, kvm, tmp_path / "cache") == "tcg"
    assert accelerator.accelerator(Trial(33), kvm, tmp_path / "cache") == "tcg"


def test_another_boot_of_the_host_tries_again(kvm: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("another-boot tcg\n")
    assert accelerator.accelerator(Trial(33), kvm, tmp_path / "cache") == "kvm"


def test_no_device_no_trial(tmp_path: Path) -> None:
    trial = Trial(33)
    assert accelerator.accelerator(trial, tmp_path / "none", tmp_path / "cache") == "tcg"
    assert trial.calls == []
    assert not (tmp_path / "cache").exists()


def test_a_missing_qemu_is_no_answer(kvm: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        accelerator.accelerator(Trial(None, FileNotFoundError()), kvm, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_is_kept_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, kvm: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    accelerator.accelerator(Trial(33), kvm)
    assert (tmp_path / "flakeship" / "accelerator").read_text().endswith(" kvm\n")


@real_qemu
def test_the_trial_guest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "TRIAL_SECONDS", 30.0)  # the machine may be busy
    assert accelerator.trial("tcg")
