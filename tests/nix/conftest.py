"""A nixpkgs where there is one, and what is known of each host with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix import known
from tests.nix.known import HERE, KEY, Evaluations, Repository
from tests.nix.nixpkgs import NoNixpkgsError, reference
from tests.project import ROOT, commit


@pytest.fixture(scope="session")
def nixpkgs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A reference to nixpkgs; what asks for it is skipped where there is none."""
    try:
        return reference(tmp_path_factory.mktemp("nixpkgs") / "root")
    except NoNixpkgsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def repository(nixpkgs: str, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The hosts, in a repository that no test changes."""
    return known.repository(tmp_path_factory.mktemp("hosts"), nixpkgs)


@pytest.fixture(scope="session")
def evaluations(repository: Repository) -> Iterator[Evaluations]:
    """The facts of every host that is asked for, evaluated once."""
    made = Evaluations(repository)
    yield made
    made.pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nix/ as it is here, but with a stub in the place of nixpkgs."""
    path = tmp_path_factory.mktemp("stubbed") / "nix"
    shutil.copytree(ROOT / "nix", path, ignore=shutil.ignore_patterns("appliance", "result*"))
    stub = f"path:{HERE / 'stub'}"
    run(["git", "init", "-q", path])
    commit(path)
    run([*NIX, "flake", "lock", path, "--override-input", "nixpkgs", stub])
    commit(path)
    return path


@pytest.fixture
def access(tmp_path: Path) -> Path:
    (tmp_path / "authorized_keys").write_text(f"# ours\n\n  {KEY}\n")
    return tmp_path
