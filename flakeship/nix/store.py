"""Paths of the Nix store: what is in them, and what keeps them from garbage collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flakeship.model.release import Release
from flakeship.system.process import run

NIX = ["nix", "--extra-experimental-features", "nix-command flakes"]


def derivation(path: str) -> dict[str, Any]:
    """What `nix derivation show` says of one derivation, in either of its two formats."""
    shown = json.loads(run([*NIX, "derivation", "show", path]).stdout)
    # Since Nix 2.32 the derivations are a key beside the format's version.
    (value,) = shown.get("derivations", shown).values()
    assert isinstance(value, dict)
    return value


def gone(release: Release) -> str:
    """Says how to bring back a release's file that is no longer in the store."""
    if Path(release.drv).exists():
        remedy = f"build it again: nix build '{release.drv}^out'"
    else:
        where = f"revision {release.revision}" if release.revision else "the flake it came from"
        remedy = f"its derivation is gone too: evaluate {release.host} at {where} and build that"
    return f"{release.name}: {release.path} is gone from the store; {remedy}"


def keep(path: str, link: Path) -> None:
    """Keep a store path from collection by a symbolic link."""
    run([*NIX, "build", path, "--out-link", link])


def drop(root: str) -> None:
    """Remove the links that `build` made: from now on Nix may collect what they kept."""
    for link in (root, f"{root}-drv", f"{root}-toplevel"):
        Path(link).unlink(missing_ok=True)
