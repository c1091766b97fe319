"""What every internal command has in common: how it is called, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flakeship import internal
from flakeship.model.errors import FlakeshipError
from flakeship.model.text import LINE
from flakeship.system.interrupt import deferred
from flakeship.system.process import run

COMMAND = [sys.executable, "-m", "flakeship", "internal"]


def test_an_unknown_command_is_refused_with_those_there_are() -> None:
    with pytest.raises(FlakeshipError) as refused:
        internal.find("biuld")
    assert (refused.value.code, refused.value.given) == ("command-unknown", "biuld")
    assert refused.value.allowed == "build-image, remove-gc-roots, store-image, operate"


def test_a_request_of_another_version_is_told_in_one_message() -> None:
    done = run([*COMMAND, "remove-gc-roots"], check=False)
    assert done.code == 1
    assert done.stderr.startswith("remove-gc-roots: its request cannot be read")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "code"), [(["biuld"], 1), ([], 2)])
def test_exit_codes(words: list[str], code: int) -> None:
    assert run([*COMMAND, *words], check=False).code == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_is_one_line(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "operate"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdin
        assert command.stderr
        status = Path(f"/proc/{command.pid}/wchan")
        deadline = time.monotonic() + 20
        while "pipe" not in status.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)  # until it waits for its request
        command.send_signal(number)
        printed = command.stderr.read().decode()
        assert command.wait() == 130
    assert printed == "operate: interrupted\n"


@pytest.mark.parametrize("error", ["FlakeshipError", "OSError", "RuntimeError"])
def test_what_a_command_says_is_cut_and_cleaned_even_a_traceback(error: str) -> None:
    code = (
        "import sys\n"
        "from flakeship import __main__, internal\n"
        "from flakeship.model.errors import FlakeshipError\n"
        f"def fail(*_): raise {error}('\\x1b]52;c;eA==\\x07\\x1b[2J' + 'x' * 300000)\n"
        "internal.run = fail\n"
        "sys.argv[1:] = ['internal', 'build-image']\n"
        "sys.exit(__main__.main())\n"
    )
    done = run([sys.executable, "-c", code], check=False)
    assert (done.code, done.stdout) == (1, "")
    assert "xxx" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= LINE
    assert "\x1b" not in done.stderr
    assert "52;c" not in done.stderr


def test_a_deferred_interruption_comes_at_the_end() -> None:
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
