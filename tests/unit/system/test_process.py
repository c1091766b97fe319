"""What a command writes is bounded, and what it has started ends with it and with us."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from flakeship.model.sizes import MIB
from flakeship.model.text import EVIDENCE, LINE
from flakeship.system import pipes, temporary
from flakeship.system.keeper import Keeper
from flakeship.system.process import run, start

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
def test_shown_lines_are_cut_and_cleaned(
    written: bytes, shown: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(written)
    run(["sh", "-c", 'cat "$0" >&2', tmp_path / "text"], reader=pipes.Shown())
    assert capsys.readouterr().err.splitlines() == shown


class Reader:
    """Keeps the lines, and counts its turns."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.turns = 0

    def line(self, text: str) -> None:
        self.lines.append(text)

    def still(self) -> None:
        self.turns += 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"a" * 3 * MIB + b"\nb\n", ["a" * MIB, "b"]),
        (b"one\r\n\ntwo", ["one", "", "two"]),
    ],
    ids=["long", "breaks"],
)
def test_a_reader_gets_whole_lines(written: bytes, read: list[str], tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(written)
    reader = Reader()
    done = run(["sh", "-c", 'cat "$0" >&2', tmp_path / "text"], reader=reader)
    assert reader.lines == read
    assert done.stderr == ""


def test_a_reader_has_its_turn_while_the_command_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "TICK", 0.01)
    file = tmp_path / "go"

    class Ending(Reader):
        def still(self) -> None:
            super().still()
            if self.turns == 3:
                file.touch()

    # it ends after the third turn, and never without one
    run(["sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done', file], reader=Ending())


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


LONG = ["-o", "Option=value"] * 500


@pytest.mark.parametrize(
    ("words", "more", "verdict"),
    [
        (["exit 3"], {}, "failed (exit code 3)"),
        (["sleep 60"], {"timeout": 0.2}, "did not end within 0.2 s"),
        (["head -c 2000 /dev/zero"], {"most": 1000}, "wrote more than 1000 bytes"),
    ],
)
def test_of_a_long_command_the_verdict_is_told(
    words: list[str], more: dict[str, Any], verdict: str
) -> None:
    with pytest.raises(CommandError) as raised:
        run(["sh", "-c", *words, *LONG, "the-end"], **more)
    text = str(raised.value)
    assert text.startswith(f"`sh -c '{words[0]}'")
    assert text.endswith(f"the-end` {verdict}")
    assert len(text) < EVIDENCE + 100


def test_credentials_are_told_neither_of_a_command_nor_of_what_it_wrote() -> None:
    secret = "https://me:hunter2hunter2@example.org/?token=hunter3 "
    for pad in ("", "x" * (LINE - 20) + " ", "y" * (EVIDENCE // 2 - 20) + " "):
        with pytest.raises(CommandError) as raised:
            run(["sh", "-c", 'printf "%s\\n" "$1" >&2; exit 1', "sh", pad + secret * 40])
        assert "hunter" not in str(raised.value)
        assert raised.value.details


def test_a_hostile_standard_error_is_told_in_bounded_time() -> None:
    code = "import sys; sys.stderr.write('?' + 'key' * 1000000); sys.exit(1)"
    started = time.process_time()
    with pytest.raises(CommandError):
        run(python(code))
    assert time.process_time() - started < 5


def test_a_command_ends_where_it_is_interrupted_while_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **others: Any) -> None:
            super().__init__(*args, **others)
            begun.append(self.pid)
            signal.raise_signal(signal.SIGINT)

    run(["true"])  # what is kept from now on is by a shell that runs
    monkeypatch.setattr(subprocess, "Popen", Popen)
    with pytest.raises(KeyboardInterrupt):
        run(["sleep", "60"])
    assert not alive(begun[0])


def test_a_command_ends_where_an_interruption_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = []

    def tell(_: Keeper, text: str) -> None:
        groups.append(int(text.split()[1]))
        if text.startswith("+"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "_tell", tell)
    with pytest.raises(KeyboardInterrupt):
        run(["sleep", "60"])
    assert not alive(groups[0])


@pytest.mark.parametrize(
    "script",
    [
        '(trap "" TERM; echo >here; exec sleep 60) & wait',
        "sleep 60 & echo >here; exit 0",
    ],
    ids=["ignores SIGTERM", "outlives it"],
)
def test_what_a_command_has_started_ends_with_it(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    groups = []
    with pytest.raises(KeyboardInterrupt), start(["sh", "-c", script]) as begun:  # noqa: PT012
        groups.append(begun.pid)
        await_((tmp_path / "here").exists)
        time.sleep(0.1)
        raise KeyboardInterrupt
    assert not alive(groups[0])


def test_what_a_command_leaves_behind_on_purpose_goes_on() -> None:
    done = run(["sh", "-c", "sleep 60 </dev/null >/dev/null 2>&1 & echo $$ $!"])
    group, left = map(int, done.stdout.split())
    assert alive(group)
    os.kill(left, signal.SIGKILL)


def test_a_limit_of_the_users_stays() -> None:
    hard = resource.prlimit(0, resource.RLIMIT_FSIZE)[1]
    code = (
        "import resource\n"
        "from flakeship.system.process import start\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "for size in (9000, 3000):\n"
        "    with start(['sleep', '60'], pipes=False, file_size=size) as process:\n"
        "        print(*resource.prlimit(process.pid, resource.RLIMIT_FSIZE))\n"
    )
    assert run(python(code)).stdout == "5000 5000\n3000 3000\n"
    assert resource.prlimit(0, resource.RLIMIT_FSIZE)[1] == hard


def test_an_abandoned_directory_is_removed_under_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has made it and waits for the lock then sees that it is gone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".state/tmp/left").mkdir(parents=True)
    refused = []

    def removed(path: Path, **_: object) -> None:
        opened = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refused.append(path.name)
        finally:
            os.close(opened)

    monkeypatch.setattr(shutil, "rmtree", removed)
    temporary.remove_abandoned()
    assert refused == ["left"]


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
    for entry in Path("/proc").iterdir():
        try:
            state, _, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(pgrp) == group and state != "Z":
            return True
    return False


def await_(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
