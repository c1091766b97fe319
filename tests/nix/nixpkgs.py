"""The nixpkgs that hosts are evaluated with, where there is one.

FLAKESHIP_NIXPKGS names it: a directory with a tree, or any flake reference. Otherwise it is the one
that nix/flake.lock names, where it is in the store or the network gives it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import quote

from flakeship.nix import store
from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.project import ROOT

VARIABLE = "FLAKESHIP_NIXPKGS"
LOCK = json.loads((ROOT / "nix/flake.lock").read_text())["nodes"]["nixpkgs"]["locked"]
PATIENCE = ["--option", "connect-timeout", "3", "--option", "download-attempts", "1"]
"""Without a network this is known within seconds."""


class NoNixpkgsError(Exception):
    """Why there is none."""


def reference(root: Path) -> str:
    """The flake reference of nixpkgs; `root` is a link that keeps it in the store."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        return locked()
    path = Path(given).resolve()
    if not path.is_dir():
        return given
    if (path / ".git").exists():
        return f"git+file://{path}"
    # Under the name `source` a tree whose hash the lock names is taken for the locked one; and a
    # path outside of the store would be copied into it at every call.
    source = run([*NIX, "store", "add", "--name", "source", path]).stdout.strip()
    store.keep(source, root)
    shown = json.loads(run([*NIX, "path-info", "--json", source]).stdout)
    (info,) = shown.values() if isinstance(shown, dict) else shown
    when = LOCK["lastModified"]  # a tree has no date of its own
    return f"path:{source}?lastModified={when}&narHash={quote(info['narHash'], safe='')}"


def locked() -> str:
    """The locked one, fetched where it is not in the store. Raises NoNixpkgsError."""
    hashed = quote(LOCK["narHash"], safe="")
    found = f"github:{LOCK['owner']}/{LOCK['repo']}/{LOCK['rev']}?narHash={hashed}"
    fetched = run([*NIX, "flake", "prefetch", *PATIENCE, found], check=False)
    if fetched.code == 0:
        return found
    # curl's own words, by their number, where it was the network
    why = re.findall(r"\(\d+\) ([^()]+)", fetched.stderr) or fetched.stderr.splitlines()
    why = why or [f"Nix ended with {fetched.code} and no word"]
    raise NoNixpkgsError(
        f"no nixpkgs: {VARIABLE} is not set, and the locked one is not to be had: {why[-1].strip()}"
    )
