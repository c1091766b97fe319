"""Files that are read back, and what is said where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.system import files


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a/b"
    files.write(file, "ü\n")
    assert files.read(file) == "ü\n"
    assert files.read(tmp_path / "none") == ""
    assert [each.name for each in file.parent.iterdir()] == ["b"]


def test_a_file_of_the_kernel_is_read() -> None:
    assert files.read(Path("/proc/sys/kernel/random/boot_id")).count("-") == 4


@pytest.mark.parametrize("content", [None, b"\xff", b"x" * (files.LARGEST + 1)])
def test_what_is_no_file_of_ours_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "file"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(FlakeshipError) as caught:
        files.read(file)
    assert (caught.value.code, caught.value.key) == ("state-unreadable", str(file))
    assert caught.value.remedy


def lock(place: Path) -> None:
    with files.locked(place):
        pass


@pytest.mark.parametrize("act", [lock, lambda place: files.write(place / "file", "")])
def test_a_directory_that_is_none_is_named(tmp_path: Path, act: Callable[[Path], None]) -> None:
    (tmp_path / ".state").write_text("")
    place = tmp_path / ".state/dev"
    with pytest.raises(FlakeshipError) as caught:
        act(place)
    assert caught.value.code == "state-unusable"
    assert caught.value.key.startswith(str(place))
    assert (tmp_path / ".state").read_text() == ""
