"""Which references of flakes name something on this machine, and how Nix is given them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flakeship.model.flake import FlakeReference, path_url

ODD = "ü x%20#1?"
ENCODED = "%C3%BC%20x%2520%231%3F"


@pytest.fixture(params=["plain", ODD])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with the flake `nix`, by a plain name and by one that a URL has to encode."""
    made = tmp_path / str(request.param)
    (made / "nix").mkdir(parents=True)
    (made / "nix/flake.nix").touch()
    return made


def init(directory: Path) -> None:
    subprocess.run(["git", "init", "-q", directory], check=True)


def encoded(path: Path) -> str:
    return str(path).replace(ODD, ENCODED)


@pytest.mark.parametrize("text", ["github:owner/name", "nixpkgs", "git+https://x/y?dir=z", "path:"])
def test_a_flake_elsewhere_is_handed_to_nix_as_it_is(text: str) -> None:
    found = FlakeReference.parse(text)
    assert (found.directory, found.folder, found.url) == (None, None, text)


def test_a_bare_path(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    text = f"{place}/nix"
    found = FlakeReference.parse(text)
    assert found.folder == place / "nix"
    assert found.url == (text if place.name == "plain" else f"path:{encoded(place)}/nix")
    init(place)
    urls = {FlakeReference.parse(each).url for each in (text, "./nix", "././nix")}
    if place.name == "plain":
        assert urls == {text, "./nix", "././nix"}  # Nix finds the repository itself
    else:
        assert urls == {f"git+file://{encoded(place)}?dir=nix"}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("{}?dir=nix", "git+file://{}?dir=nix"),
        ("{}/nix?submodules=1", "git+file://{}?submodules=1&dir=nix"),
        ("{}/nix?dir=.", "git+file://{}?dir=nix"),
        ("{}?dir=nix&rev=abc", "git+file://{}?dir=nix&rev=abc"),
        ("{}?dir=/nix", "git+file://{}?dir=nix"),
        ("{}?dir=a%20b", "git+file://{}?dir=a%20b"),
        ("./?dir=nix", "git+file://{}?dir=nix"),
        (".?submodules=1", "git+file://{}?submodules=1"),
    ],
)
def test_a_path_with_a_query_is_a_path(
    place: Path, monkeypatch: pytest.MonkeyPatch, text: str, url: str
) -> None:
    init(place)
    monkeypatch.chdir(place)
    found = FlakeReference.parse(text.format(place))
    assert found.url == url.format(encoded(place))
    assert found.directory is not None
    assert found.directory.resolve() in {place, place / "nix"}


def test_a_path_with_a_query_outside_of_git_is_one_too(place: Path) -> None:
    assert FlakeReference.parse(f"{place}?dir=nix").url == f"path:{encoded(place)}?dir=nix"


def test_a_shallow_clone_is_told_to_nix_as_nix_does(place: Path) -> None:
    init(place)
    (place / ".git/shallow").touch()
    assert FlakeReference.parse(f"{place}?dir=nix").url.endswith("?dir=nix&shallow=1")


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_git_url_of_this_machine(
    place: Path, monkeypatch: pytest.MonkeyPatch, slashes: str
) -> None:
    monkeypatch.chdir(place)
    given = f"git+file:{slashes}{encoded(place)}?dir=nix&submodules=1"
    found = FlakeReference.parse(given)
    assert found.folder == place / "nix"
    assert found.url == f"git+file://{encoded(place)}?dir=nix&submodules=1"
    assert FlakeReference.parse("git+file:.?dir=nix").url == f"git+file://{encoded(place)}?dir=nix"


@pytest.mark.parametrize("pin", ["rev=abc", "ref=main", "dir=nix&ref=refs/tags/v1"])
def test_a_commit_has_no_folder_in_the_working_tree(pin: str) -> None:
    assert FlakeReference.parse(f"git+file:///srv/infra?{pin}").folder is None


@pytest.mark.parametrize("text", ["path:./nix", "path:nix", "path:nix?dir=."])
def test_a_path_url_is_handed_over_as_it_is(
    place: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(place)
    found = FlakeReference.parse(text)
    assert found.folder == Path("nix")
    assert found.url == text


def test_a_directory_is_told_from_a_name_in_the_registry(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    assert FlakeReference.parse("nix").is_directory
    assert FlakeReference.parse("nix?submodules=1").is_directory
    assert not FlakeReference.parse("nixpkgs").is_directory
    assert not FlakeReference.parse("./nix").is_directory
    for odd in ("x" * 5000, "a\0b"):
        assert not FlakeReference.parse(odd).is_directory
        assert FlakeReference.parse(f"./{odd}").url


def test_the_url_of_a_directory(place: Path) -> None:
    assert path_url(place / "nix") == f"path:{encoded(place)}/nix"
