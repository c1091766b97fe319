"""How much larger a system's closure becomes, where Nix knows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.model.release import Release
from flakeship.nix.store import NIX
from flakeship.system.process import run

PATIENCE = 20.0
"""How many seconds a binary cache has for its answer."""


def growth(
    before: Release, after: Release, expected: list[tuple[str, ...]], *, caches: bool
) -> str:
    """The sizes of both closures in one line.

    Only Nix's own numbers count: those of the local store and, with `caches`, those of the binary
    caches that Nix is configured with. Without them it is unknown, and the line says how much of
    what is `expected` (by the base names of its outputs) is in the local store.
    """
    sizes = []
    for release in (after, before):  # what is not built yet is the more likely one to be unknown
        size = next(known(release.toplevel, caches=caches), None)
        if size is None:
            there = sum(any(Path("/nix/store", p).exists() for p in each) for each in expected)
            return f"unknown: {there} of about {len(expected)} paths are here"
        sizes.append(size / 1024**2)
    more = sizes[0] - sizes[1]
    return f"{sizes[1]:.1f} -> {sizes[0]:.1f} MiB ({more:+.1f})"


def known(toplevel: str, *, caches: bool) -> Iterator[int]:
    """A closure's size in bytes from every store that has it."""
    stores: list[list[str]] = [[]] if Path(toplevel).exists() else []
    if caches:
        urls = run([*NIX, "config", "show", "substituters"], check=False).stdout.split()
        stores += [["--store", url] for url in urls]
    for store in stores:
        try:
            told = run([*NIX, "path-info", *store, "--closure-size", toplevel], timeout=PATIENCE)
        except CommandError:
            continue  # it does not have it, or does not answer
        yield int(told.stdout.split()[1])
