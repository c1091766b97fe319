import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.setup import check, paths, plugins
from dev.setup.plugins import Plugin
from dev.setup.tools import Machine
from flakeship.system.process import run
from flakeship.targets import registry

Program = Callable[[str, str], Path]
OPENSTACK, PROXMOX = (
    Plugin(each.name, each.version, each.server)
    for target in ("openstack", "proxmox")
    for each in registry.spec(target).plugins
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and none of the variables that decisions hang on."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "XDG_CACHE_HOME",
        "PULUMI_HOME",
        "PULUMI_BACKEND_URL",
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_CREDENTIALS_PATH",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(plugins, "CACHE", tmp_path / "plugins.json")
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def machine(folder: Path) -> Machine:
    """A fresh Debian, as root."""
    return Machine(path=str(folder), root=True, manager="apt-get")


def copy_checkout(path: Path) -> None:
    """Copy all files of this checkout into a repository of its own, with its virtual environment.

    The caller commits them.
    """
    made_from = paths.ROOT / ".venv" / "made-from-uv.lock"
    # else the copy's set-up would point this environment at the copy
    assert made_from.read_bytes() == (paths.ROOT / "uv.lock").read_bytes(), "run `make setup` first"
    for file in check.tracked():
        copy = path / file.relative_to(paths.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy, follow_symlinks=False)
    (path / ".venv").symlink_to(paths.ROOT / ".venv")
    run(["git", "init", "-q", path])
    (path / ".git/info/exclude").write_text("/.venv\n")


def program(folder: Path, name: str, says: str) -> Path:
    """Put a program on PATH that tells its version."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def install(plugin: Plugin) -> None:
    """Put a plugin into the home of the user's own Pulumi."""
    file = plugin.program(Path.home() / ".pulumi")
    program(file.parent, file.name, "")
