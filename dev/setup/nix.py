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
class Way:
    """How Nix is got, and why so."""

    kind: Literal["there", "debian", "stop"]
    why: str


def nix_way(found: Found, machine: Machine, keyring: bool) -> Way:
    """Choose: what is there, else Debian's package in a private folder, else a stop."""
    if not found.problem and not found.ours:
        return Way("there", "")
    if machine.root and machine.amd64 and machine.manager == "apt-get" and keyring:
        return Way("debian", found.problem)
    lacks = [
        text
        for text, given in (
            ("root", machine.root),
            ("an x86-64 machine", machine.amd64),
            ("Debian's apt-get and keyring", machine.manager == "apt-get" and keyring),
        )
        if not given
    ]
    return Way("stop", f"{found.problem}, and to get it here takes {' and '.join(lacks)}")


def ensure(machine: Machine) -> None:
    """Get Nix, and say which way was taken and why."""
    found = locate(NIX, machine)
    way = nix_way(found, machine, KEYRING.exists())
    if way.kind == "stop":
        raise FlakeshipError(f"Nix: {way.why}. Run: {NIX.official}")
    if way.kind == "debian":
        home = paths.cache() / "nix"
        if found.problem:
            say(f"Nix: Debian's package, into {paths.short(home)}, because {way.why}")
        watch([INSTALL, home], lambda _count, _last: "Nix: fetching packages")
        found = locate(NIX, machine)
        if found.problem:
            raise FlakeshipError(f"Nix: {INSTALL} ran, and {found.problem}. Run: {NIX.official}")
    say(f"Nix {found.version}: {found.where}")
