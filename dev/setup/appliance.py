"""Puts the appliance's Debian packages into the Nix store."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from dev.setup import paths
from flakeship.system.pipes import Shown
from flakeship.system.process import run

FILL = paths.ROOT / "nix" / "appliance" / "debian" / "fill.py"


def fill(env: Mapping[str, str]) -> None:
    """Fetch what is missing of the locked packages, and keep it from garbage collection."""
    if FILL.exists():
        roots = paths.ROOTS / "debian"
        roots.mkdir(parents=True, exist_ok=True)
        run([sys.executable, FILL, roots], env=env, reader=Shown())
