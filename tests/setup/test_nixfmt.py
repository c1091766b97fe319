"""Nix files are formatted by nixfmt, which is found, built, or said to be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.setup import check, nixfmt
from tests.setup.conftest import program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH, and a cache without anything in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("version", ["nixfmt 1.0.0", "nixfmt v1.1.0", "nixfmt-rs 0.5.3"])
def test_the_one_on_path_is_taken(path: Path, version: str) -> None:
    program(path, "nixfmt", version)
    assert nixfmt.ensure() == (path / "nixfmt", "")


@pytest.mark.parametrize(
    "version", ["nixfmt 0.6.0", "nixfmt unstable-2024-08-16", "nixfmt-rs 0.4", ""]
)
def test_one_of_another_style_is_not(path: Path, version: str) -> None:
    program(path, "nixfmt", version)
    assert nixfmt.ensure()[0] is None
    own = program(nixfmt.home() / "bin", "nixfmt", "nixfmt-rs 0.5.3")
    assert nixfmt.ensure() == (own, "")


def test_the_one_that_was_built_is_taken(path: Path) -> None:
    own = nixfmt.home() / "bin"
    own.mkdir(parents=True)
    program(own, "nixfmt", "nixfmt 1.0")
    assert path.is_dir()
    assert nixfmt.ensure() == (own / "nixfmt", "")


def test_cargo_builds_the_pinned_crate(path: Path) -> None:
    cargo = path / "cargo"
    cargo.write_text(f'#!/bin/sh\necho "$@" > {path}/asked\n')
    cargo.chmod(0o755)
    assert nixfmt.ensure() == (nixfmt.home() / "bin/nixfmt", "")
    asked = (path / "asked").read_text().split()
    assert asked[:3] == ["install", "--quiet", "--locked"]
    assert asked[-1] == "nixfmt_rs@=0.5.3"


@pytest.mark.parametrize("cargo", [True, False])
def test_without_it_the_check_is_counted_as_not_made(
    path: Path, cargo: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "neither nixfmt 1 nor cargo, to build it, is on PATH"
    if cargo:
        (path / "cargo").write_text(
            "#!/bin/sh\necho 'error: no network\n  13: <unknown>' >&2\nexit 101\n"
        )
        (path / "cargo").chmod(0o755)
        why = "nixfmt cannot be built: error: no network"
    assert nixfmt.ensure() == (None, why)
    skipped = check.Check("nixfmt", ("",), 7, unavailable=why)
    monkeypatch.setattr(check, "checks", lambda: [skipped])
    assert check.run_all() == 0
    said = capsys.readouterr().out
    assert f"check: nixfmt (7 files): SKIPPED: {why}\ncheck: 1 skipped: nixfmt\n" in said
