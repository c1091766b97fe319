"""Gets nixfmt, which formats Nix files as RFC 166 specifies.

The official one is written in Haskell and in no registry but nixpkgs; `nix develop ./nix` has it. A
second implementation, in Rust, is a crate of crates.io. Before 1.0 the official one was of another
style.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from dev.setup import paths
from dev.setup.progress import say, watch
from flakeship.model.errors import CommandError
from flakeship.system.process import run

CRATE = "nixfmt_rs"
VERSION = "0.5.3"

SAME_STYLE = re.compile(rf"nixfmt v?1\.\d|nixfmt-rs {re.escape(VERSION)}$")
"""The versions that format alike, as they print them."""


def home() -> Path:
    """Where cargo puts the crate's program, below bin."""
    return paths.cache() / f"nixfmt-{VERSION}"


def is_same_style(program: str) -> bool:
    """Whether it formats as RFC 166 specifies; the classic one would change every file."""
    try:
        return bool(SAME_STYLE.match(run([program, "--version"], check=False).stdout.strip()))
    except CommandError:
        return False


def ensure() -> tuple[Path | None, str]:
    """Find nixfmt, or build it with cargo; without either, None and the reason."""
    own = home() / "bin" / "nixfmt"
    if (found := shutil.which("nixfmt")) and is_same_style(found):
        return Path(found), ""
    if own.is_file():
        return own, ""
    if not shutil.which("cargo"):
        return None, "neither nixfmt 1 nor cargo, to build it, is on PATH"
    say(f"nixfmt: building the crate {CRATE} {VERSION}, because no nixfmt 1 is on PATH")
    install = ("cargo", "install", "--quiet", "--locked", "--root", home())
    try:
        watch([*install, f"{CRATE}@={VERSION}"], lambda _count, _last: "nixfmt: compiling")
    except CommandError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        # cargo's backtrace follows its reason
        why = next((line for line in lines if line.startswith("error")), lines[-1])
        return None, f"nixfmt cannot be built: {why}"
    return own, ""
