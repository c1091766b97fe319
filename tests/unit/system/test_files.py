"""Files of Flakeship: what cannot be read or written is named, and no symbolic link is followed.

A repository could bring a link in its `.state`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.system import files

FILE = Path(".state/dev/active/web")


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


def test_a_working_directory_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FlakeshipError) as caught:
        lock(Path(".state/dev"))
    assert caught.value.code == "state-unusable"
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    return tmp_path / "outside"


@pytest.mark.parametrize("link", [".state", ".state/dev", ".state/dev/active"])
@pytest.mark.parametrize(
    "act",
    [
        lambda: files.write(FILE, "x"),
        lambda: files.write(Path.cwd() / FILE, "x"),
        lambda: files.make_directory(FILE),
        lambda: files.refuse_links(FILE),
        lambda: files.locked(FILE.parent).__enter__(),
    ],
    ids=["write", "absolute", "make_directory", "refuse_links", "locked"],
)
def test_a_directory_that_is_a_link_is_refused(act: object, link: str, outside: Path) -> None:
    Path(link).parent.mkdir(parents=True, exist_ok=True)
    Path(link).symlink_to(outside)
    assert callable(act)
    with pytest.raises(FlakeshipError) as refused:
        act()
    assert refused.value.code == "state-link"
    assert refused.value.key.endswith(link)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_that_is_a_link_is_replaced(outside: Path, exists: bool) -> None:
    FILE.parent.mkdir(parents=True)
    FILE.symlink_to(outside / "victim")
    if exists:
        (outside / "victim").write_text("precious")
    with pytest.raises(FlakeshipError):
        files.refuse_links(FILE)
    files.write(FILE, "x")
    assert not FILE.is_symlink()
    assert FILE.read_text() == "x"
    assert FILE.stat().st_mode & 0o777 == 0o600
    assert [file.read_text() for file in outside.iterdir()] == ["precious"] * exists


def test_links_above_the_state_are_the_users(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    files.write(tmp_path / "link" / FILE, "x")
    files.write(tmp_path / "link" / "cache", "y")
    assert (outside / FILE).read_text() == "x"
    assert (outside / "cache").read_text() == "y"


def test_the_state_is_its_owners_alone() -> None:
    files.write(FILE, "x")
    found = [FILE, *FILE.parents][:-1]
    assert [each.name for each in found] == ["web", "active", "dev", ".state"]
    assert [each.stat().st_mode & 0o077 for each in found] == [0] * 4
