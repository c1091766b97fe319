"""Gets Nix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dev.setup import paths
from dev.setup.progress import say, watch
from dev.setup.tools import NIX, Found, Machine, locate
from flakeship.model.errors import FlakeshipError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
INSTALL = paths.ROOT / "dev" / "nix" / "install.sh"


@dataclass(frozen=True)
class Choice:
    """How Nix is installed, and why."""

    kind: Literal["present", "debian", "stop"]
    why: str


def choose_nix(found: Found, machine: Machine, keyring: bool) -> Choice:
    """Choose what is installed, else Debian's package in a private folder, else a stop."""
    if not found.problem and not found.ours:
        return Choice("present", "")
    if machine.root and machine.amd64 and machine.manager == "apt-get" and keyring:
        return Choice("debian", found.problem)
    lacks = [
        text
        for text, given in (
            ("root", machine.root),
            ("an x86-64 machine", machine.amd64),
            ("Debian's apt-get and keyring", machine.manager == "apt-get" and keyring),
        )
        if not given
    ]
    return Choice("stop", f"{found.problem}, and installing it here requires {' and '.join(lacks)}")


def ensure(machine: Machine) -> None:
    """Get Nix; report the choice and the reason."""
    found = locate(NIX, machine)
    choice = choose_nix(found, machine, KEYRING.exists())
    if choice.kind == "stop":
        raise FlakeshipError(f"Nix: {choice.why}. Run: {NIX.official}")
    if choice.kind == "debian":
        home = paths.cache() / "nix"
        if found.problem:
            say(f"Nix: Debian's package, into {paths.short(home)}, because {choice.why}")
        watch([INSTALL, home], lambda _count, _last: "Nix: fetching packages")
        found = locate(NIX, machine)
        if found.problem:
            raise FlakeshipError(f"Nix: {INSTALL} ran, and {found.problem}. Run: {NIX.official}")
    say(f"Nix {found.version}: {found.where}")
