"""A snapshot of what a complete set-up found: while nothing differs, nothing is to be done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dev.setup import appliance, gobuild, paths, state
from dev.setup.plugins import Plugin
from dev.setup.tools import GIT, NIX, PULUMI, QEMU, SSH, UV, Machine
from flakeship.system.files import write

FILE = paths.STATE / "setup.json"
WATCHED = (GIT, SSH, QEMU, NIX, PULUMI, UV)
SOURCES = ("dev/setup", "dev/nix", "dev/engine", "nix/appliance/debian")


def snapshot(machine: Machine, chosen: state.Backend, plugins: Sequence[Plugin]) -> dict[str, str]:
    """Collect everything that the set-up's decisions depend on, without starting a program."""
    view = {
        "cache": str(paths.cache()),
        "root": str(machine.root),
        "backend": chosen.url or chosen.why,
        "home": str(state.user_home(os.environ)),
        "passphrase": str(state.own_passphrase(os.environ)),
        "sources": sources(),
    }
    for tool in WATCHED:
        for name in tool.commands:
            view[name] = identify(shutil.which(name, path=machine.path))
            for folder in tool.private:
                view[f"{folder}/{name}"] = identify(paths.cache() / folder / name)
    for plugin in plugins:
        homes = (state.user_home(os.environ), gobuild.engine() / "home")
        view[plugin.folder] = " ".join(identify(plugin.program(home)) for home in homes)
    return view


def identify(file: str | Path | None) -> str:
    """A text that changes when a program does; empty where there is none."""
    try:
        return f"{file} {Path(file).stat().st_mtime_ns}" if file else ""
    except OSError:
        return ""


def sources() -> str:
    """Digest the files that the set-up's results are made from."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((paths.ROOT / folder).rglob("*")):
            if "__pycache__" not in file.parts and file.is_file():
                digest.update(f"{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def is_complete(stack: str, view: dict[str, str], chosen: state.Backend) -> bool:
    """Whether the last set-up found the same and everything that it made for a stack exists."""
    try:
        saved = json.loads(FILE.read_text())
    except (OSError, ValueError):
        return False
    files = (paths.ENV_FILE, state.folder(stack) / "env.sh")
    return bool(
        saved == view
        and all(file.exists() for file in files)
        and not state.missing(stack, chosen, os.environ)
        and roots_hold()
    )


def roots_hold() -> bool:
    """Whether the roots of the Debian packages exist, and none dangles."""
    links = list((paths.ROOTS / "debian").glob("*"))
    return all(link.exists() for link in links) and (bool(links) or not appliance.FILL.exists())


def save(view: dict[str, str]) -> None:
    """Save the snapshot of a complete set-up."""
    write(FILE, json.dumps(view, indent=1))
