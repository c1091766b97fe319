"""A console is read on from the last place, and what was read of it stays read."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from flakeship.model.sizes import MIB
from flakeship.verify import console
from flakeship.verify.console import END_SHOWN, File, announced_keys, tail
from tests.unit.verify.machines import ED25519, OTHER, block


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(path: Path) -> None:
    path.replace(path.with_name(f"{path.name}.1"))


def test_what_comes_is_read_on(path: Path) -> None:
    file = File(path)
    assert file.read() == ""
    append(path, "boot\n")
    assert file.read() == "boot\n"
    for part in block(ED25519):
        append(path, part)
        file.read()
    assert announced_keys(file) == [ED25519]
    append(path, "x" * 3 * END_SHOWN)
    assert announced_keys(file) == [ED25519]
    assert len(file.read()) < 2 * END_SHOWN
    append(path, block(OTHER))
    assert announced_keys(file) == [OTHER]


@pytest.mark.parametrize(
    "lose",
    [lambda path: path.write_text(""), lambda path: path.write_text("new\n"), Path.unlink, rotate],
    ids=["emptied", "begun anew", "removed", "replaced"],
)
def test_a_file_that_is_lost_takes_nothing_back(path: Path, lose: object) -> None:
    file = File(path)
    append(path, block(ED25519) + "and more\n" * 100)
    assert announced_keys(file) == [ED25519]
    assert callable(lose)
    lose(path)
    assert announced_keys(file) == [ED25519]
    append(path, "later\n")
    assert tail(file)[-2:] == ["and more", "later"] or tail(file)[-2:] == ["new", "later"]
    append(path, block(OTHER))
    assert announced_keys(file) == [OTHER]


def test_the_file_before_is_read_too_and_once(path: Path) -> None:
    append(path, block(ED25519))
    rotate(path)
    file = File(path)
    assert announced_keys(file) == [ED25519]
    append(path, "later\n")
    assert file.read().count("later") == 1
    append(path, block(OTHER)[:40])
    assert announced_keys(file) == [ED25519]
    rotate(path)
    append(path, block(OTHER)[40:])
    assert announced_keys(file) == [OTHER]
    assert file.read().count("later") == 1


@pytest.mark.parametrize(
    "noise",
    [
        "x" * MIB,
        "\x1b]0;" * 100_000,
        console.BEGIN.decode() * 30_000,
        console.END.decode() * 30_000,
        (console.BEGIN + console.END).decode() * 15_000,
        f"{console.BEGIN.decode()}{ED25519}" * 10_000,
    ],
    ids=["a line without end", "escapes", "begins", "ends", "empty blocks", "no end"],
)
def test_hostile_consoles_are_read_in_bounded_time(path: Path, noise: str) -> None:
    append(path, block(ED25519) + noise)
    file = File(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert announced_keys(file) == [ED25519]
    assert max(map(len, tail(file)), default=0) <= 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 5


def test_memory_is_bounded_whatever_is_in_the_file(path: Path) -> None:
    append(path, block(ED25519))
    with path.open("r+b") as file:
        file.truncate(500 * MIB)
    append(path, block(OTHER) + "x" * MIB)
    code = (
        "from tests.unit.system.memory import most\n"
        "from pathlib import Path\n"
        "from flakeship.verify.console import File\n"
        f"file = File(Path({str(path)!r}))\n"
        "before = most()\n"
        f"assert {OTHER!r} in file.read()\n"
        "print(most() - before)\n"
    )
    used = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(used.stdout) * 1024 < 10 * MIB
