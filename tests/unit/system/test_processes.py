"""Processes as they are: real ones, in every state."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.system import processes

IGNORES = "trap '' TERM; echo >started; while :; do sleep 0.05; done"


def await_file(path: Path) -> None:
    processes.wait_until(path.exists, 20)
    assert path.exists()


def test_what_is_told_of_a_process(tmp_path: Path) -> None:
    before = time.time()
    env = {"PULUMI_STACK": "dev=1"}
    argv = ["/bin/sh", "-c", "echo >started; read -r line", "two words"]
    with subprocess.Popen(argv, cwd=tmp_path, env=env, stdin=subprocess.PIPE) as child:
        await_file(tmp_path / "started")
        found = processes.find(child.pid)
        assert found in processes.of_this_user()
        assert found
        assert (found.parent, found.user, found.name) == (os.getpid(), os.getuid(), "sh")
        assert abs(found.started - before) < 5
        assert list(found.words) == argv
        assert found.environment["PULUMI_STACK"] == "dev=1"
        assert found.directory == tmp_path
        assert found.lives()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.find(child.pid) is None  # a zombie
        assert not found.lives()
    assert not [*found.words, *found.environment]
    assert found.directory is None


def test_a_process_of_a_container_has_another_id_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "77").mkdir()
    own = Path("/proc/self/status").read_text()
    seen = re.sub(r"(?m)^(Tgid|NSpid):.*", lambda found: f"{found[1]}:\t77", own)
    (tmp_path / "77/status").write_text(seen.replace("NSpid:\t77", "NSpid:\t77\t12"))
    (tmp_path / "77/stat").write_text(Path("/proc/self/stat").read_text())
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert [(each.pid, each.inner_pid) for each in processes.running()] == [(77, 12)]
    (tmp_path / "77/status").write_text(re.sub(r"(?m)^NSpid:.*\n", "", seen))
    assert [(each.pid, each.inner_pid) for each in processes.running()] == [(77, 77)]


@pytest.mark.parametrize(
    ("namespace", "all_"), [(processes.INITIAL, True), ("pid:[4026532179]", False), ("", False)]
)
def test_a_container_has_only_its_own_processes(
    namespace: str, all_: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    if namespace:
        (tmp_path / "self/ns").mkdir(parents=True)
        (tmp_path / "self/ns/pid").symlink_to(namespace)
    assert processes.all_are_seen() is all_


def test_a_thread_is_no_process() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert thread.native_id
    assert processes.find(thread.native_id) is None
    assert not processes.may_run(thread.native_id)
    done.set()
    thread.join()


def test_those_of_others_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.getpid() in {each.pid for each in processes.of_this_user()}
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert processes.of_this_user() == []


def test_a_hidden_process_is_no_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not processes.may_run(os.getpid())  # another user's, which /proc shows
    monkeypatch.setattr(processes, "PROC", Path("empty"))
    assert processes.may_run(os.getpid())


def test_without_proc_a_process_that_can_be_signalled_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not processes.may_run(os.getpid())  # find shows it
    monkeypatch.setattr(processes, "PROC", Path("empty"))
    assert processes.may_run(os.getpid())
    with subprocess.Popen(["true"]) as ended:
        pass
    assert not processes.may_run(ended.pid)


def test_what_ignores_the_first_signal_gets_the_second(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sh", "-c", IGNORES], cwd=tmp_path) as child:
        await_file(tmp_path / "started")
        found = processes.find(child.pid)
        assert found
        processes.end([found], 0.3)
        assert child.wait(20) == -signal.SIGKILL


def test_another_process_of_the_same_id_is_spared() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        found = processes.find(child.pid)
        assert found
        former = replace(found, ticks=found.ticks - 1)
        processes.end([former], 0.1)
        assert child.poll() is None
        child.kill()
