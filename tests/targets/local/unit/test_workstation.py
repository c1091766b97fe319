import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flakeship.system import files, tcp
from flakeship.system.tcp import LOOPBACK, free_ports
from flakeship.targets.local import checkout, workstation
from tests.targets.local.unit.qemu_world import refusal

CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


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
        assert str(workstation.port_holder(taken)).endswith(f"(pid {os.getpid()})")
        assert not tcp.is_free(taken)
    assert tcp.is_free(taken)


@pytest.mark.parametrize("own", [True, False])
def test_a_machine_that_holds_a_port_is_named(
    own: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    owner = checkout.identifier() if own else "ba9876543210"
    code = (
        "import socket, sys; kept = socket.create_server(('127.0.0.1', 0)); "
        "print(kept.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env={checkout.VARIABLE: f"{owner}/dev/web-1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        holder = workstation.port_holder(int(process.stdout.readline()))
        process.communicate()
    assert (holder.pid, holder.elsewhere) == (process.pid, not own)
    assert str(holder).startswith("the machine web-1 of the stack dev")
    assert ("another checkout" in str(holder)) == (not own)
    assert f"kill {process.pid}" in holder.remedy


def test_no_client_is_given_a_port_that_a_machine_keeps() -> None:
    lowest, highest = map(int, CLIENTS.read_text().split())
    chosen = workstation.host_ports(range(1, 101), {}).values()
    assert len(set(chosen)) == 100
    assert not [port for port in chosen if lowest <= port <= highest]


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
