import multiprocessing
import os
import socket
from pathlib import Path

import pytest

from flakeship.system import files
from flakeship.system.tcp import LOOPBACK, free_ports
from flakeship.targets.local import workstation
from tests.targets.local.unit.qemu_world import refusal


def test_the_identity_is_stable_and_does_not_reveal_the_machine_id() -> None:
    assert workstation.identity() == workstation.identity()
    assert workstation.identity().startswith(socket.gethostname())
    machine_id = files.read(Path("/etc/machine-id")).strip()
    assert not machine_id or machine_id not in workstation.identity()


def test_another_hostname_is_the_same_workstation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation, "identity", lambda: "new-0123abcd")
    workstation.require("old-0123abcd", "web")
    workstation.require("", "web")
    for other in ("new-ffffffff", "new", "old"):
        error = refusal(lambda other=other: workstation.require(other, "web"))  # type: ignore[misc]
        assert (error.code, error.key) == ("workstation-mismatch", "web")
        assert (error.given, error.allowed) == ("new-0123abcd", other)
        assert "pulumi state delete" in error.remedy
    assert workstation.mismatch("plain", "plain/0123456789ab", "web") is None
    assert workstation.mismatch("other", "plain/0123456789ab", "web")


def test_another_checkout_of_the_same_workstation_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workstation, "identity", lambda: "new-0123abcd/0123456789ab")
    workstation.require("old-0123abcd/0123456789ab", "web")
    workstation.require("old-0123abcd", "web")  # of an earlier version
    error = refusal(lambda: workstation.require("new-0123abcd/ba9876543210", "web"))
    assert (error.code, error.key) == ("checkout-mismatch", "web")
    assert (error.given, error.allowed) == ("0123456789ab", "ba9876543210")
    error = refusal(lambda: workstation.require("new-ffffffff/0123456789ab", "web"))
    assert error.code == "workstation-mismatch"


def test_former_ports_are_kept_where_they_are_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as listening:
        taken = listening.getsockname()[1]
        [former] = free_ports(1)
        ports = workstation.host_ports([80, 22, 22, 443], {22: former, 80: taken})
        assert list(ports) == [22, 80, 443]
        assert ports[22] == former
        assert ports[80] != taken
        assert len(set(ports.values())) == 3
        assert workstation.port_holder(taken).endswith(f"(pid {os.getpid()})")
        assert not workstation.is_free(taken)
    assert workstation.is_free(taken)


def test_a_write_is_whole_and_leaves_no_other_file(tmp_path: Path) -> None:
    files.write(tmp_path / "a" / "b", "text")
    files.write(tmp_path / "a" / "b", "other")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert files.read(tmp_path / "a" / "b") == "other"
    assert files.read(tmp_path / "none") == ""


def test_tidy_goes_up_to_the_state_and_no_further(tmp_path: Path) -> None:
    deep = tmp_path / ".state" / "dev" / "machines"
    deep.mkdir(parents=True)
    (tmp_path / ".state" / "other").touch()
    files.tidy(deep)
    assert [path.name for path in (tmp_path / ".state").iterdir()] == ["other"]
    (tmp_path / ".state" / "other").unlink()
    files.tidy(deep)
    assert list(tmp_path.iterdir()) == []


def _count(directory: Path) -> None:
    for _ in range(20):
        with files.locked(directory):
            number = int(files.read(directory / "number") or 0)
            files.write(directory / "number", str(number + 1))


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    others = [fork.Process(target=_count, args=(tmp_path / "d",)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert files.read(tmp_path / "d" / "number") == "60"


def test_a_lock_outlives_its_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    directory = tmp_path / "d"
    removed: list[int] = []

    def meanwhile(*_: object) -> None:
        if not removed:
            directory.rmdir()
            removed.append(1)

    monkeypatch.setattr("fcntl.flock", meanwhile)
    with files.locked(directory):
        assert directory.is_dir()
