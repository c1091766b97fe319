"""What a command writes is bounded, and what it has started ends with it and with us."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError
from flakeship.model.sizes import MIB
from flakeship.model.text import LINE
from flakeship.system import temporary
from flakeship.system.process import run

FLOOD = "import os\nfor _ in range({}): os.write({}, b'x' * 1048576)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("descriptor", [1, 2])
def test_of_a_long_output_the_beginning_and_the_end_are_kept(descriptor: int) -> None:
    code = f"import os; os.write({descriptor}, b'first\\n' + b'x' * 300000 + b'\\nlast\\n')"
    result = run(python(code), check=False, most=1000)
    text = result.stdout + result.stderr
    assert text.startswith("first\nxxx")
    assert text.endswith("xxx\nlast\n")
    assert f"\n[{300012 - 1000} bytes are left out here]\n" in text
    assert result.dropped == (300012 - 1000) * (descriptor == 1)


def test_what_fits_is_whole_and_line_breaks_are_newlines() -> None:
    assert run(["printf", "a\\r\\nb\\rc"], most=10).stdout == "a\nb\nc"
    assert run(["head", "-c", "1000", "/dev/zero"], most=1000).stdout == "\0" * 1000


def test_half_an_answer_is_none() -> None:
    with pytest.raises(CommandError) as raised:
        run(["head", "-c", "1001", "/dev/zero"], most=1000)
    assert raised.value.code == "output-too-long"


def test_memory_is_bounded_whatever_a_command_writes() -> None:
    code = (
        "import sys\n"
        "from tests.unit.system.memory import most\n"
        "from flakeship.system.process import run\n"
        f"flood = {FLOOD.format(300, 1)!r}, {FLOOD.format(300, 2)!r}\n"
        "before = most()\n"
        "for code in flood: run([sys.executable, '-c', code], check=False)\n"
        "print(most() - before)\n"
    )
    assert int(run(python(code)).stdout) * 1024 < 40 * MIB


def test_input_is_sent_while_output_is_read() -> None:
    text = "line\n" * 1_000_000
    assert len(run(["cat"], stdin=text, most=8 * MIB).stdout) == len(text)
    assert run(["true"], stdin=text).code == 0


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"a" * 200_000 + b"\nb\n", ["a" * (LINE - 1) + "…", "b"]),
        (b"\x1b]52;c;cm0gLXJm\x07ok\r\x1b[2Jpassed\n", ["ok", "passed"]),
        (b"  indented \xff\nno end", ["  indented \N{REPLACEMENT CHARACTER}", "no end"]),
    ],
    ids=["long", "controls", "no end"],
)
def test_streamed_lines_are_cut_and_cleaned(
    written: bytes, shown: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(written)
    run(["sh", "-c", 'cat "$0" >&2', tmp_path / "text"], stream=True)
    assert capsys.readouterr().err.splitlines() == shown


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["/etc/passwd"], "command-not-started"),
        (["true", "a\0b"], "command-not-started"),
        (["true", "x" * 3_000_000], "command-not-started"),
        (["no-such-command"], "command-missing"),
    ],
    ids=["not executable", "NUL", "too long", "missing"],
)
def test_what_cannot_be_started(argv: list[str], code: str) -> None:
    with pytest.raises(CommandError) as raised:
        run(argv)
    assert raised.value.code == code
    assert len(str(raised.value)) < 3 * LINE


HOLDS = """
import sys
from flakeship.system import temporary
from flakeship.system.interrupt import install_signal_handlers
from flakeship.system.process import run
install_signal_handlers()
with temporary.directory() as path:
    run(["sh", "-c", 'echo $$ "$0" >here.new; mv here.new here; trap "" TERM; sleep 300', path])
"""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name
)
def test_nothing_is_left_however_a_process_ends(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path.cwd()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(root))
    with subprocess.Popen(python(HOLDS), stderr=subprocess.DEVNULL) as holder:
        await_((tmp_path / "here").exists)
        group, directory = (tmp_path / "here").read_text().split()
        assert (tmp_path / directory).is_dir()
        holder.send_signal(number)
    await_(lambda: not alive(int(group)))
    await_(lambda: not (tmp_path / directory).exists())


def test_a_directory_is_removed_by_the_next_who_comes_and_not_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    left = tmp_path / ".state/tmp/left/control"
    left.mkdir(parents=True)
    with temporary.directory() as one, temporary.directory() as other:
        assert not left.exists()
        assert temporary.remove_abandoned() == []
        assert one.is_dir()
        assert other.is_dir()
        assert len(str(one / "control.0123456789abcdef")) < 60
        assert one.stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / ".state").exists()


def alive(group: int) -> bool:
    """Whether a process of a group runs; one that waits for its parent to notice does not."""
    for process in Path("/proc").iterdir():
        try:
            state, _, pgrp = (process / "stat").read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if process.name.isdigit() and int(pgrp) == group and state != "Z":
            return True
    return False


def await_(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
