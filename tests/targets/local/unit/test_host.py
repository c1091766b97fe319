import multiprocessing
import os
import socket
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.system import files, lock
from flakeship.targets.local import host


def test_this_host_is_stable_and_does_not_tell_its_machine_id() -> None:
    assert host.this_host() == host.this_host()
    assert host.this_host().startswith(socket.gethostname())
    identity = files.read(Path("/etc/machine-id")).strip()
    assert not identity or identity not in host.this_host()


def test_a_host_with_another_name_is_the_same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "this_host", lambda: "new-0123abcd")
    host.refuse_foreign("web", "old-0123abcd")
    host.refuse_foreign("web", "")
    for other in ("new-ffffffff", "new", "old"):
        with pytest.raises(FlakeshipError, match="pulumi state delete"):
            host.refuse_foreign("web", other)
    assert host.same("plain", "plain")
    assert not host.same("plain", "other")


def test_subnets_are_stable_distinct_and_private() -> None:
    first = host.subnet("web-aaaa-1", [])
    assert first == host.subnet("web-aaaa-1", [])
    second = host.subnet("web-aaaa-1", [first])
    assert second != first
    for found in (first, second):
        ten, _, _, rest = found.split(".")
        assert (ten, rest) == ("10", "0/24")
        assert not found.startswith("10.0.")


def test_former_ports_are_kept_where_they_are_free() -> None:
    with socket.create_server((host.LOOPBACK, 0)) as listening:
        taken = listening.getsockname()[1]
        [former] = host.free_ports(1)
        ports = host.keep_or_choose([80, 22, 22, 443], {22: former, 80: taken})
        assert list(ports) == [22, 80, 443]
        assert ports[22] == former
        assert ports[80] != taken
        assert len(set(ports.values())) == 3
        assert host.holder(taken).endswith(f"(pid {os.getpid()})")
        assert not host.free(taken)
    assert host.free(taken)


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
        with lock.locked(directory):
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
    with lock.locked(directory):
        assert directory.is_dir()
