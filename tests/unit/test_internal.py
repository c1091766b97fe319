"""What every verb has in common: how it is asked, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flakeship.system.interrupt import deferred
from flakeship.system.process import run

VERB = [sys.executable, "-m", "flakeship"]


def test_an_unknown_verb_is_told_which_there_are() -> None:
    done = run([*VERB, "biuld"], check=False)
    assert done.code == 2
    assert "VERB is one of build, forget, disk" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_one_line(number: signal.Signals) -> None:
    with subprocess.Popen([*VERB, "build"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as verb:
        assert verb.stdin
        assert verb.stderr
        status = Path(f"/proc/{verb.pid}/wchan")
        deadline = time.monotonic() + 20
        while "pipe" not in status.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)  # until it waits for its request
        verb.send_signal(number)
        said = verb.stderr.read().decode()
        assert verb.wait() == 130
    assert said == "build: interrupted\n"


def test_what_is_held_goes_to_its_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    steps = []

    @deferred()
    def remove() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        steps.append("removed")

    with pytest.raises(KeyboardInterrupt):
        remove()
    assert steps == ["removed"]
    assert signal.getsignal(signal.SIGTERM) == before
