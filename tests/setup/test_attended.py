"""A closed terminal interrupts Pulumi as ctrl-C does, and a lock is told before it starts."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flakeship.system import processes

SCRIPT = """
trap 'echo INT >interrupted; exit 3' INT
echo >started
while :; do sleep 0.05; done
"""
ATTENDED = [sys.executable, "-m", "dev.attended"]


def await_(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("by", ["terminal", "SIGHUP", "ctrl-C"])
def test_a_closed_terminal_interrupts(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.executable, [*ATTENDED, "sh", "-c", SCRIPT])
    await_(tmp_path / "started")
    if by == "ctrl-C":
        os.write(terminal, b"\x03")
    if by == "SIGHUP":
        os.kill(child, signal.SIGHUP)
    if by == "terminal":
        os.close(terminal)
    await_(tmp_path / "interrupted")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 3
    if by != "terminal":
        os.close(terminal)


def test_what_nohup_started_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    script = "echo >started; sleep 0.5; echo >done"
    with subprocess.Popen(["nohup", *ATTENDED, "sh", "-c", script], stderr=-3) as command:
        await_(tmp_path / "started")
        command.send_signal(signal.SIGHUP)
    assert command.returncode == 0
    assert (tmp_path / "done").exists()


def test_exit_codes() -> None:
    for script, code in (("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)):
        done = subprocess.run([*ATTENDED, "sh", "-c", script], check=False)
        assert done.returncode == code


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a backend of its own, in which the stack dev is locked by a process."""
    path = tmp_path / "ü x%20#1?"
    file = path / ".state/backend/.pulumi/locks/organization/servers/dev/1.json"
    file.parent.mkdir(parents=True)
    (path / "Pulumi.yaml").write_text("name: servers\n")
    owner = {"pid": os.getpid(), "username": "me", "hostname": socket.gethostname()}
    file.write_text(json.dumps({**owner, "timestamp": "2020-01-01T00:00:00Z"}))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("PULUMI_BACKEND_URL", (path / ".state/backend").as_uri())
    monkeypatch.chdir(path)
    return file


def attended(*words: str) -> tuple[int, str, bool]:
    """The exit code of what is like `pulumi <words>`, what is said, and whether it was run."""
    argv = [*ATTENDED, "sh", "-c", "echo >ran", *words]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    ran = Path("ran").exists()
    Path("ran").unlink(missing_ok=True)
    return done.returncode, done.stderr, ran


@pytest.mark.skipif(
    not processes.all_are_seen(), reason="in a container no owner of a lock is certainly gone"
)
def test_the_lock_of_a_killed_run_is_told_before_pulumi_starts(checkout: Path) -> None:
    for verb in ("up", "destroy"):
        code, said, ran = attended(verb, "--yes", "--stack", "dev")
        assert (code, ran) == (1, False)
        assert said.startswith("stack dev: it is locked by a run that was killed (process ")
        assert "`make recover STACK=dev`" in said
        assert len(said.splitlines()) == 1
    checkout.unlink()
    assert attended("up", "--stack", "dev") == (0, "", True)


def test_the_folder_of_a_lock_may_be_named_in_other_ways(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    for url in ("file://~/.state/backend", "file://./.state/backend?no_tmp_dir=true"):
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
        code, said, ran = attended("up", "--stack", "dev")
        assert (code, ran) == (1, False)
        assert said.startswith("stack dev: it is locked")
    assert checkout.exists()


def test_a_lock_is_in_the_way_of_its_own_stack_alone(checkout: Path) -> None:
    assert checkout.exists()
    assert attended("preview", "--stack", "dev") == (0, "", True)
    assert attended("up", "--stack", "prod") == (0, "", True)


@pytest.mark.parametrize("url", ["", "s3://state", "https://api.pulumi.com"])
def test_the_locks_of_other_backends_are_left_to_pulumi(
    url: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checkout.exists()
    monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    assert attended("up", "--stack", "dev") == (0, "", True)


def test_without_a_lock_nothing_is_imported_for_it(checkout: Path) -> None:
    checkout.unlink()
    code = "import sys; from dev.attended import locked; print(repr(locked(['--stack', 'dev'])))"
    slow = "{'flakeship.state.locks', 'flakeship.model', 'dataclasses'}"
    code += f"; print(sorted({slow} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["''", "[]"]
