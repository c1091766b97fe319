"""Gets nixfmt, which formats Nix files as RFC 166 says.

The official one is written in Haskell and in no registry but nixpkgs; `nix develop ./nix` has it. A
second implementation, in Rust, is a crate of crates.io.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from flakeship.errors import CommandError
from lab.setup import paths
from lab.setup.progress import say, watch

CRATE = "nixfmt_rs"
VERSION = "0.5.3"


def home() -> Path:
    """Where cargo puts the crate's program, below bin."""
    return paths.cache() / f"nixfmt-{VERSION}"


def ensure() -> tuple[Path | None, str]:
    """Find nixfmt, or build it where there is cargo; otherwise say why there is none."""
    own = home() / "bin" / "nixfmt"
    found = shutil.which("nixfmt") or (own if own.is_file() else None)
    if found:
        return Path(found), ""
    if not shutil.which("cargo"):
        return None, "neither nixfmt nor cargo, to build it, is on PATH"
    say(f"nixfmt: building the crate {CRATE} {VERSION}, because none is on PATH")
    install = ("cargo", "install", "--quiet", "--locked", "--root", home())
    try:
        watch([*install, f"{CRATE}@={VERSION}"], lambda _count, _last: "nixfmt: compiling")
    except CommandError as error:
        return None, f"nixfmt cannot be built: {str(error).splitlines()[-1].strip()}"
    return own, ""
