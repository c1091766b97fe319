"""What a derivation is made from, to the last source: read from the store, without Nix."""

from __future__ import annotations

import re
from pathlib import Path

# Derive([outputs],[(drv,[outputs])...],[sources],"system",...
PARTS = re.compile(
    r'Derive\(\[[^\]]*\],\[(?P<inputs>(?:\("[^"]*",\[[^\]]*\]\),?)*)\],\[(?P<sources>[^\]]*)\]'
)
QUOTED = re.compile(r'"(/nix/store/[^"]*)"')
KEY = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1"
    # of WireGuard, whose public keys look the same but for the word before
    rb"|(?:PrivateKey|PresharedKey)\s*=\s*[A-Za-z0-9+/]{43}="
    # the hash of a password: $6$salt$hash, $y$parameters$salt$hash
    rb"|\$(?:[1567]|g?y|2[abxy])\$[\w./=,$-]*\$[\w./]{22}"
)
"""A private key, or what a password can be guessed from."""
PUBLIC = ("-ipa-priv-key.pem",)
"""Keys in nixpkgs that everybody has: that of libcamera, which only QEMU's build looks at."""
LARGE = 1 << 20
"""A source file beyond it is not searched for keys: it is a kernel's patch."""

clean: set[str] = set()
"""Derivations that were found to be good with all below them: hosts share most of them."""


def inputs(drv: str) -> tuple[list[str], list[str], bytes]:
    """The derivations and the sources that a derivation names, and its whole text."""
    text = Path(drv).read_bytes()
    found = PARTS.match(text.decode(errors="replace"))
    assert found, drv
    return QUOTED.findall(found["inputs"]), QUOTED.findall(found["sources"]), text


def problems(drv: str) -> set[str]:
    """What should be in no image: a private key, the source of a flake or that of nixpkgs.

    A channel is a copy of the latter.
    """
    seen: set[str] = set()
    todo, found = [drv], set()
    while todo:
        each = todo.pop()
        if each in seen or each in clean:
            continue
        seen.add(each)
        below, sources, text = inputs(each)
        todo += below
        if KEY.search(text):
            found.add(f"{each} holds a private key")
        for source in set(sources) - clean:
            wrong = source_problem(Path(source))
            found |= {f"{source} {wrong}"} if wrong else set()
            seen.add(source)
    if not found:
        clean.update(seen)
    return found


def source_problem(source: Path) -> str:
    """What is wrong with a file or directory that came into the store as it is."""
    if (source / "nixos/modules").is_dir():
        return "is the source of nixpkgs"
    if (source / "flake.nix").is_file() or (source / "nix/flake.nix").is_file():
        return "is the source of a flake"
    if source.name.endswith(PUBLIC):
        return ""
    files = [source] if source.is_file() else source.rglob("*")
    for file in files:
        if file.is_file() and file.stat().st_size < LARGE and KEY.search(file.read_bytes()):
            return "holds a private key"
    return ""
