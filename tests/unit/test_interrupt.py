"""Ctrl-C while a program or a command starts is silent: what is imported takes a while."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flakeship.system.interrupt import deferred

ROOT = Path.cwd()
SLOW = "import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(60)\n"


def interrupted(argv: list[str], number: signal.Signals) -> tuple[int, str, str]:
    with subprocess.Popen(
        [sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 20
        while not Path("importing").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("program", "slow"),
    [
        ("__main__.py", "components/program.py"),
        ("nix/templates/project/__main__.py", "flakeship/components/program.py"),
    ],
)
def test_a_program(
    program: str, slow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / program, tmp_path / "__main__.py")
    (tmp_path / slow).parent.mkdir(parents=True)
    for parent in list(Path(slow).parents)[:-1]:
        (tmp_path / parent / "__init__.py").touch()  # before the packages of this checkout
    (tmp_path / slow).write_text(SLOW)
    assert interrupted(["__main__.py"], signal.SIGINT) == (32, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("words", "slow"), [(["status"], "click"), (["internal", "build-image"], "pydantic")]
)
def test_a_command(
    words: list[str],
    slow: str,
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{slow}.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    code, out, err = interrupted(["-m", "flakeship", *words], number)
    assert (code, out) == (130, "")
    assert err in ("", "build-image: interrupted\n")


def test_an_interruption_is_deferred_and_what_is_ignored_stays_so() -> None:
    former = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    done = []
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with deferred():
            signal.raise_signal(signal.SIGHUP)
            done.append("what nohup has started")
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        with pytest.raises(KeyboardInterrupt), deferred():  # noqa: PT012
            with deferred():
                signal.raise_signal(signal.SIGTERM)
                done.append("the inner block")
            done.append("the outer block")
        assert done == ["what nohup has started", "the inner block", "the outer block"]
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def test_a_second_interruption_does_not_stop_the_undo() -> None:
    code = (
        "import os, signal\n"
        "from flakeship.system.interrupt import interrupt_once\n"
        "interrupt_once()\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "        signal.raise_signal(number)\n"
        "    print('undone')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "undone\n")
