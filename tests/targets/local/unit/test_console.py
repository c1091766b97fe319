"""What a guest writes to its console has a bounded size on the workstation, for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.targets.local import console, console_writer, machine, qemu_process
from flakeship.targets.local.console_writer import FORMER, SHARE
from tests.targets.local.unit.qemu_world import FILES, raw_image, real_qemu, request

CHATTY = bytes.fromhex("ba f803 b078 ee ebfd").ljust(510, b"\0") + bytes.fromhex("55aa")
CHATTY = CHATTY.ljust(16 * MIB, b"\0")  # the firmware boots from no disk that is a sector
"""A boot sector that writes to the first serial port without end."""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def copying(share: int) -> Iterator[int]:
    """The writer in a thread; what it is to write goes to the descriptor."""
    source, descriptor = os.pipe()
    thread = threading.Thread(target=console_writer.write, args=(source, share))
    thread.start()
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        thread.join(20)
        os.close(source)


def await_(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_flood_has_two_files_of_a_bounded_size(directory: Path) -> None:
    program = [sys.executable, "-IS", console_writer.__file__, "0"]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as writer:
        assert writer.stdin
        for _ in range(100):
            writer.stdin.write(b"x" * MIB)
        writer.stdin.write(b"the end\n")
    sizes = {file.name: file.stat().st_size for file in directory.iterdir()}
    assert sizes.keys() == {console.FILE, FORMER}
    assert sum(sizes.values()) <= 2 * (SHARE + MIB) < 64 * MIB
    assert (directory / console.FILE).read_bytes().endswith(b"the end\n")
    assert (directory / console.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lose", [lambda file: file.write_bytes(b""), Path.unlink])
def test_a_file_that_a_user_empties_or_removes_is_written_on(
    directory: Path, lose: Callable[[Path], object]
) -> None:
    file = directory / console.FILE
    with copying(100) as descriptor:
        os.write(descriptor, b"x" * 90)
        await_(lambda: file.exists() and file.stat().st_size == 90)
        lose(file)
        os.write(descriptor, b"y" * 20)
        await_(lambda: file.exists() and file.read_bytes() == b"y" * 20)
    assert not (directory / FORMER).exists()


def test_a_guest_does_not_wait_for_what_cannot_be_written(directory: Path) -> None:
    file, other = directory / console.FILE, directory / "other"
    file.symlink_to(other)
    with copying(100) as descriptor:
        for _ in range(10):
            os.write(descriptor, b"x" * 65536)
        assert not other.exists()
        file.unlink()
        await_(lambda: not (os.write(descriptor, b"y\n") < 0) and file.exists())


def test_a_directory_in_the_place_of_a_file_does_not_end_the_writer(directory: Path) -> None:
    file = directory / console.FILE
    with copying(100) as descriptor:
        os.write(descriptor, b"x" * 100)
        await_(lambda: file.exists() and file.stat().st_size == 100)
        file.unlink()
        file.mkdir()
        os.write(descriptor, b"lost")
        time.sleep(0.05)
        file.rmdir()
        await_(lambda: not (os.write(descriptor, b"y\n") < 0) and file.is_file())


def test_a_directory_in_the_place_of_the_former_file_does_not_lift_the_bound(
    directory: Path,
) -> None:
    (directory / FORMER).mkdir()
    with copying(100) as descriptor:
        file = directory / console.FILE
        os.write(descriptor, b"x" * 100)
        await_(lambda: file.exists() and file.stat().st_size == 100)
        for _ in range(20):
            os.write(descriptor, b"x" * 100)
            time.sleep(0.005)
    assert file.stat().st_size == 100


def test_nothing_is_written_through_a_link() -> None:
    place = FILES.machine("web-aaaa-1")
    place.mkdir(parents=True)
    (place / console.FILE).symlink_to("elsewhere")
    with pytest.raises(FlakeshipError) as refused, console.writer(place):
        pass
    assert refused.value.code == "state-link"


@real_qemu
def test_a_chatty_machine(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.targets.local.unit.qemu_world.HALT", CHATTY)
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    asked = request(image=raw_image(directory / "chatty.qcow2"), vcpus=1)
    place = FILES.machine(asked.id)
    file = place / console.FILE
    try:
        machine.ensure(asked)
        await_(lambda: file.stat().st_size > 100_000)
        assert set(file.read_bytes()[-1000:]) == {ord("x")}
        file.write_bytes(b"")
        await_(lambda: file.stat().st_size > 0)
        assert writers(place)
    finally:
        qemu_process.end(place, gently=False)
    await_(lambda: not writers(place))


def writers(place: Path) -> list[str]:
    """The processes that write a console in a directory."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_text().split("\0")
            if console_writer.__file__ in words and (process / "cwd").samefile(place):
                found.append(process.name)
        except OSError:
            continue
    return found
