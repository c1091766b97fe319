"""Nothing is written through a symbolic link that a repository could bring in its `.state`."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import locked, make_directory, refuse_links, write

FILE = Path(".state/dev/active/web")


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
        lambda: write(FILE, "x"),
        lambda: write(Path.cwd() / FILE, "x"),
        lambda: make_directory(FILE),
        lambda: refuse_links(FILE),
        lambda: locked(FILE.parent).__enter__(),
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
        refuse_links(FILE)
    write(FILE, "x")
    assert not FILE.is_symlink()
    assert FILE.read_text() == "x"
    assert FILE.stat().st_mode & 0o777 == 0o600
    assert [file.read_text() for file in outside.iterdir()] == ["precious"] * exists


def test_links_above_the_state_are_the_users(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    write(tmp_path / "link" / FILE, "x")
    write(tmp_path / "link" / "cache", "y")
    assert (outside / FILE).read_text() == "x"
    assert (outside / "cache").read_text() == "y"
