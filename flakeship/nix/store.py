"""Paths of the Nix store: what they hold, and what protects them from garbage collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.system.process import run

NIX = ["nix", "--extra-experimental-features", "nix-command flakes"]


def derivation(path: str) -> dict[str, Any]:
    """What `nix derivation show` prints of one derivation, in either of its two formats."""
    shown = json.loads(run([*NIX, "derivation", "show", path]).stdout)
    # Since Nix 2.32 the derivations are a key beside the format's version.
    (value,) = shown.get("derivations", shown).values()
    assert isinstance(value, dict)
    return value


def gone(name: str, path: str, remedy: str) -> FlakeshipError:
    """The error for a path that was in the store; `name` is the release that needs it."""
    what = f"{path} is not in the Nix store any more"
    return FlakeshipError(what, code="store-path-missing", key=name, remedy=remedy)


def bring_back(output: str) -> str:
    """What brings the image of a release that was verified back, with its very bytes."""
    return (
        "copy it from the workstation that built it (`nix copy --no-check-sigs --from ssh://HOST "
        f"{output}`), or name a Nix store that has it as flakeship:imageStore"
    )


def substituters() -> list[str]:
    """The binary caches that Nix is configured to use."""
    shown = [
        run([*NIX, "config", "show", name], check=False).stdout.split()
        for name in ("substitute", "substituters")
    ]
    return [] if shown[0] == ["false"] else shown[1]


def keep(path: str, link: Path) -> None:
    """Keep a store path from collection by a symbolic link."""
    run([*NIX, "build", path, "--out-link", link])


def drop(root: str) -> None:
    """Remove the links that `build` made, so that Nix may collect what they kept."""
    for link in (root, f"{root}-drv", f"{root}-toplevel"):
        Path(link).unlink(missing_ok=True)
