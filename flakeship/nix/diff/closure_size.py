"""How the size of a system's closure changes, where Nix has the figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.model.release import Release
from flakeship.model.sizes import MIB
from flakeship.nix.store import NIX
from flakeship.system.process import run

TIMEOUT = 20.0
"""How many seconds a binary cache has to answer."""


def closure_size(
    before: Release, after: Release, expected: list[tuple[str, ...]], *, caches: bool
) -> str:
    """The sizes of both closures in one line.

    Only figures of Nix count: from the local store and, with `caches`, from the binary caches of
    Nix's configuration. Without them the size is unknown, and the line says how much of what is
    `expected` (by the base names of its outputs) is in the local store.
    """
    sizes = []
    for release in (after, before):  # the one that may not be built yet comes first
        size = next(known_sizes(release.toplevel, caches=caches), None)
        if size is None:
            local = sum(any(Path("/nix/store", p).exists() for p in paths) for paths in expected)
            return f"unknown: {local} of about {len(expected)} paths are in the local store"
        sizes.append(size / MIB)
    more = sizes[0] - sizes[1]
    return f"{sizes[1]:.1f} -> {sizes[0]:.1f} MiB ({more:+.1f})"


def known_sizes(toplevel: str, *, caches: bool) -> Iterator[int]:
    """A closure's size in bytes from every store that has it."""
    stores: list[list[str]] = [[]] if Path(toplevel).exists() else []
    if caches:
        urls = run([*NIX, "config", "show", "substituters"], check=False).stdout.split()
        stores += [["--store", url] for url in urls]
    for store in stores:
        try:
            info = run([*NIX, "path-info", *store, "--closure-size", toplevel], timeout=TIMEOUT)
        except CommandError:
            continue  # it lacks the path, or does not answer
        yield int(info.stdout.split()[1])
