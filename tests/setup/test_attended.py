"""A closed terminal interrupts a command as ctrl-C does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
