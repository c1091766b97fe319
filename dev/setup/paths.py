"""Where the set-up keeps things."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".state"
ENV_FILE = STATE / "env.sh"
BACKEND = STATE / "backend"
STACKS = STATE / "stacks"
PUBLIC_PASSPHRASE = ROOT / "dev" / "public-passphrase"
ROOTS = STATE / "roots"


def cache() -> Path:
    """Where tools are kept that are none of the system's."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flakeship"


def is_ours(path: str | Path) -> bool:
    """Whether something lies in the cache, so that it came from this set-up."""
    return Path(path).is_relative_to(cache())


def short(path: Path) -> str:
    """Write a path for a person to read."""
    for base, name in ((ROOT, ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return name + str(path.relative_to(base))
    return str(path)
