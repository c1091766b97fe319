"""The contracts of pyproject.toml: an import against the order of the rooms is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dev.setup import paths
from dev.setup.check import BIN


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path)
    for package in ("flakeship", "components"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(paths.ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def lint(checkout: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(BIN / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(argv, cwd=checkout, capture_output=True, text=True, check=False)


def test_the_imports_are_in_order(checkout: Path) -> None:
    done = lint(checkout)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "module", "contract"),
    [
        ("flakeship/model/sizes.py", "flakeship.system.process", "Each room"),
        ("flakeship/verify/more.py", "flakeship.targets.local.machine", "Each room"),
        ("flakeship/ssh/more.py", "flakeship.nix.store", "Each room"),
        ("flakeship/another/__init__.py", "flakeship.model.errors", "Each room"),
        ("flakeship/state/more.py", "pulumi", "Pulumi is imported"),
        ("flakeship/operate/more.py", "components.program", "Pulumi is imported"),
    ],
)
def test_an_import_against_the_order_is_refused(
    checkout: Path, file: str, module: str, contract: str
) -> None:
    (checkout / file).parent.mkdir(exist_ok=True)
    (checkout / file).write_text(f"import {module}\n")
    done = lint(checkout)
    assert done.returncode != 0
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), done.stdout
