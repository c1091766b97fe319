"""Which nixpkgs the hosts are evaluated with, and how its lack is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import Result, run
from tests.nix import nixpkgs


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that FLAKESHIP_NIXPKGS names."""
    path = tmp_path / "tree"
    path.mkdir()
    (path / "flake.nix").write_text('{ outputs = _: { text = "a tree"; }; }')
    monkeypatch.setenv(nixpkgs.VARIABLE, str(path))
    return path


def test_a_tree_is_in_the_store_as_long_as_its_link(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    found = nixpkgs.reference(root)
    assert found.startswith(f"path:{root.resolve()}?lastModified={nixpkgs.LOCK['lastModified']}&")
    assert root.resolve().name.endswith("-source")
    assert nixpkgs.reference(root) == found
    text = run([*NIX, "eval", "--json", f"{found}#text"]).stdout
    assert json.loads(text) == "a tree"
    assert tree.is_dir()


def test_a_checkout_is_asked_by_git(tree: Path, tmp_path: Path) -> None:
    (tree / ".git").mkdir()
    assert nixpkgs.reference(tmp_path / "root") == f"git+file://{tree}"


def test_any_other_reference_is_taken_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(nixpkgs.VARIABLE, "github:NixOS/nixpkgs/nixos-unstable")
    assert nixpkgs.reference(tmp_path / "root") == "github:NixOS/nixpkgs/nixos-unstable"


@pytest.mark.parametrize(
    ("stderr", "why"),
    [
        ("error: (unable: Could not resolve hostname (6) Could not resolve host: x)", "resolve"),
        ("error:\n  … while fetching\n  error: the tree is made of cheese\n", "cheese"),
        ("", "Nix ended with 1"),
    ],
)
def test_without_a_network_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stderr: str, why: str
) -> None:
    monkeypatch.delenv(nixpkgs.VARIABLE, raising=False)
    monkeypatch.setattr(nixpkgs, "run", lambda *_, **__: Result(1, "", stderr))
    with pytest.raises(nixpkgs.NoNixpkgsError, match=rf"^no nixpkgs: FLAKESHIP_NIXPKGS .*{why}"):
        nixpkgs.reference(tmp_path / "root")


def test_the_locked_one_is_named_by_its_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(nixpkgs.VARIABLE, raising=False)
    monkeypatch.setattr(nixpkgs, "run", lambda *_, **__: Result(0, "", ""))
    assert nixpkgs.reference(tmp_path / "root") == (
        "github:NixOS/nixpkgs/8eeec934ae0dbeca3d7868c059568a65c08b2fc3"
        "?narHash=sha256-lDebytrYdd47IBLwvNOD%2B6AGeoqZ78CIKlp70hzW280%3D"
    )
