"""Whose a lock is, and whether its owner lives: with real processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flakeship.state import locks
from flakeship.state.locks import Lock, Owner
from flakeship.system import processes

HERE = socket.gethostname()
NOW = datetime.now(UTC)
OLD = datetime(2020, 1, 1, tzinfo=UTC)
FILE = Path("1.json")
MESSAGE = """\
error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or \
delete the lock file with `pulumi cancel`.
  s3://state/.pulumi/locks/organization/p/dev/1.json: created by me@one (pid 12) at \
2026-11-27T21:16:18Z
  s3://state/.pulumi/locks/organization/p/dev/2.json: created by me@two.example.org (pid 13) at \
2026-11-27T22:16:18+01:00
"""


def write(name: str, content: str, stack: str = "dev") -> Path:
    file = Path("back end/.pulumi/locks/organization/servers", stack, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def written(**changes: object) -> str:
    content = {"pid": 12, "username": "me", "hostname": "one"}
    return json.dumps({**content, "timestamp": "2026-11-27T21:16:18.240367866+01:00", **changes})


def held(url: str, stack: str = "dev") -> list[Lock] | None:
    return locks.held(stack, {"PULUMI_BACKEND_URL": url}, Path.cwd())


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests run, all processes are seen."""
    monkeypatch.setattr(processes, "INITIAL", str(Path("/proc/self/ns/pid").readlink()))


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "Pulumi.yaml").write_text('name: "servers"\n')
    return f"{tmp_path.as_uri()}/back%20end"


def test_the_locks_of_one_stack(url: str) -> None:
    assert held(url) == []
    file = write("1.json", written())
    write("1.json.attrs", "{}")
    write("2.json", written(), "prod")
    since = datetime(2026, 11, 27, 20, 16, 18, 240367, UTC)
    expected = [Lock(12, "me", "one", since, file.absolute())]
    assert held(url) == held(f"{url}?no_tmp_dir=true", "organization/servers/dev") == expected
    assert held(url, "test") == []


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "7", "[" * 100_000, "\x00", written(pid="12"), written(pid=-1)),
        *(written(pid=2**40), written(timestamp="soon"), written(timestamp=None)),
        '{"pid": 12}',
    ],
)
def test_a_file_that_cannot_be_read_is_a_lock_of_somebody(url: str, content: str) -> None:
    file = write("1.json", content)
    assert held(url) == [Lock(file=file.absolute())]
    assert Lock().owner is Owner.UNKNOWN


@pytest.mark.parametrize("other", ["", "s3://state", "https://api.pulumi.com"])
def test_other_backends_are_no_folder(other: str) -> None:
    assert held(other) is None


def test_a_folder_may_be_named_in_other_ways(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert locks.directory("file://~") == Path("/home/me")
    assert locks.directory("file://~/x") == Path("/home/me/x")
    assert locks.directory("file://./x") == tmp_path / "x"


def test_the_locks_that_pulumi_names() -> None:
    since = datetime(2026, 11, 27, 21, 16, 18, tzinfo=UTC)
    expected = [Lock(12, "me", "one", since), Lock(13, "me", "two.example.org", since)]
    assert locks.told(MESSAGE) == expected
    assert locks.told("error: [409] Conflict: Another update is currently in progress.") == []


def test_an_owner_that_lives() -> None:
    assert Lock(os.getpid(), "me", HERE, NOW, FILE).owner is Owner.RUNNING
    assert Lock(os.getpid(), "me", "elsewhere", NOW).owner is Owner.UNKNOWN


def test_an_owner_that_is_gone() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        lock = Lock(child.pid, "me", HERE, datetime.now(UTC), FILE)
        seen = [lock.owner]
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        seen.append(lock.owner)  # its parent has not noticed yet
    assert [*seen, lock.owner] == [Owner.RUNNING, Owner.GONE, Owner.GONE]


@pytest.fixture
def gone() -> Lock:
    """The lock of a process that has ended."""
    with subprocess.Popen(["true"]) as ended:
        pass
    lock = Lock(ended.pid, "me", HERE, NOW, FILE)
    assert lock.owner is Owner.GONE
    return lock


def test_a_lock_that_pulumi_tells_of_may_be_of_a_host_of_the_same_name(gone: Lock) -> None:
    (told,) = locks.told(f"  s3://x/1.json: created by me@{HERE} (pid {gone.pid}) at {OLD:%FT%TZ}")
    assert told.pid == gone.pid
    assert told.owner is Owner.UNKNOWN


def test_in_a_container_nobody_is_certainly_gone(
    gone: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "INITIAL", "pid:[1]")
    assert gone.owner is Owner.UNKNOWN
    assert Lock(os.getpid(), "me", HERE, OLD, FILE).owner is Owner.UNKNOWN
    assert Lock(os.getpid(), "me", HERE, NOW, FILE).owner is Owner.RUNNING


def test_a_pulumi_in_a_container_may_be_the_owner(
    gone: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = processes.find(os.getpid())
    assert own
    inner = replace(own, name="pulumi", inner_pid=gone.pid)
    for seen, owner in (
        (inner, Owner.UNKNOWN),
        (replace(inner, inner_pid=own.pid), Owner.GONE),
        (replace(inner, name="sleep"), Owner.GONE),
    ):
        monkeypatch.setattr(processes, "running", lambda seen=seen: [seen])
        assert gone.owner is owner


def test_a_process_id_that_another_program_has_by_now(tmp_path: Path) -> None:
    assert Lock(os.getpid(), "me", HERE, OLD, FILE).owner is Owner.GONE
    # where it is a Pulumi again, the clock may have been set, so nothing is certain
    shutil.copy("/bin/sleep", tmp_path / "pulumi")
    with subprocess.Popen([tmp_path / "pulumi", "60"]) as child:
        named = Path(f"/proc/{child.pid}/comm")  # a moment after the start
        processes.wait_until(lambda: named.read_text() == "pulumi\n", 20)
        assert Lock(child.pid, "me", HERE, OLD, FILE).owner is Owner.RUNNING
        child.kill()


def test_the_refusal_says_what_to_do() -> None:
    living, other = Lock(os.getpid(), "me", HERE, NOW, FILE), Lock(12, "m\x1b[2Je", "two", NOW)
    gone = Lock(os.getpid(), "me", HERE, OLD, FILE)

    error = locks.refusal("dev", [gone, living])
    assert (error.code, error.key) == ("stack-locked", "stack dev")
    assert "under way" in error.what
    assert error.remedy.endswith(f"`kill -INT {os.getpid()}`")

    error = locks.refusal("dev", [gone], command="make recover")
    assert f"process {os.getpid()} of me on this workstation, since 2020-01-01" in error.what
    assert "killed" in error.what
    assert error.remedy.startswith("`make recover`")
    assert locks.refusal("dev", [gone]).remedy.startswith("`flakeship --stack dev recover`")

    error = locks.refusal("dev", [gone, other])
    assert "\\x1b[2J" in error.what
    assert "on two" in error.what
    assert "--break-lock" in error.remedy
    assert error.locks == (gone, other)

    error = locks.refusal("dev", [], "[409] Conflict")
    assert "[409] Conflict" in error.what
    assert "--break-lock" in error.remedy
