"""Paths of the Nix store: what they hold, and what protects them from garbage collection."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.system.process import run

NIX = ["nix", "--extra-experimental-features", "nix-command flakes"]


def derivation(path: str) -> dict[str, Any]:
    """What `nix derivation show` prints of one derivation, in either of its two formats."""
    shown = json.loads(run([*NIX, "derivation", "show", path]).stdout)
    # Since Nix 2.32 the derivations are a key beside the format's version.
    (value,) = shown.get("derivations", shown).values()
    assert isinstance(value, dict)
    return value


def missing(release: Release, paths: Iterable[str] = ()) -> FlakeshipError | None:
    """The error for the first path, by default of the image, that is not in the store, if any."""
    for path in paths or release.paths:
        if not Path(path).exists():
            exists = path != release.drv and Path(release.drv).exists()
            return gone(release.name, path, rebuild(release, derivation_exists=exists))
    return None


def rebuild(release: Release, *, derivation_exists: bool) -> str:
    """What brings the files of a release back."""
    if derivation_exists:
        return f"build it again: nix build '{release.drv}^out'"
    where = f" at revision {release.revision}" if release.revision else ""
    return f"evaluate {release.host}{where} again (`pulumi preview`), and build it"


def gone(name: str, path: str, remedy: str) -> FlakeshipError:
    """The error for a path that was in the store; `name` is the release that needs it."""
    what = f"{path} is not in the Nix store any more"
    return FlakeshipError(what, code="store-path-missing", key=name, remedy=remedy)


def keep(path: str, link: Path) -> None:
    """Keep a store path from collection by a symbolic link."""
    run([*NIX, "build", path, "--out-link", link])


def drop(root: str) -> None:
    """Remove the links that `build` made, so that Nix may collect what they kept."""
    for link in (root, f"{root}-drv", f"{root}-toplevel"):
        Path(link).unlink(missing_ok=True)
