"""The report of what changes inside a host between two of its releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.model.sizes import MIB
from flakeship.nix import store
from flakeship.nix.diff import graph, render
from flakeship.nix.diff.changes import compare
from flakeship.nix.store import NIX
from flakeship.system.process import run

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What comparing raises for them."""
CACHE_TIMEOUT = 20.0  # seconds that a binary cache has to answer


def replaced(
    running: Mapping[str, str], ledger: list[Record], desired: Mapping[str, Release]
) -> Iterator[tuple[Release, Release]]:
    """The running (given by name) and the desired release of each host where they differ."""
    known = {record.name: record.release for record in ledger}
    for host, release in desired.items():
        before = known.get(running.get(host, ""))
        if before and before.name != release.name:
            yield before, release


def report(before: Release, after: Release, *, full: bool = False) -> str:
    """What changes, as a summary of a few lines or in `full`; builds nothing.

    The full report asks binary caches, too. Raises FlakeshipError where a derivation is gone or
    cannot be read: a flake may be anybody's, and what looks like NixOS may be something else.
    """
    for release in (before, after):
        if not Path(release.drv).exists():
            where = f" at revision {release.revision}" if release.revision else ""
            remedy = f"evaluate {release.host}{where} again (`pulumi preview`)"
            raise store.gone(release.name, release.drv, remedy)
    try:
        changes = compare(graph.load([before.drv, after.drv]), before, after)
        size = closure_size(before, after, changes.expected, caches=full)
    except UNREADABLE as error:
        raise unreadable(before, after, error) from error
    text = (render.full if full else render.summary)(changes, size)
    return f"{heading(before, after)}\n{text}"


def unreadable(before: Release, after: Release, error: Exception) -> FlakeshipError:
    """The error for derivations that are of another shape than those of NixOS."""
    return FlakeshipError(
        f"the derivations {before.drv} and {after.drv} cannot be read "
        f"({type(error).__name__}: {error})",
        code="derivation-unreadable",
        key=f"{before.name}, {after.name}",
    )


def heading(before: Release, after: Release) -> str:
    """Both releases and, where it changes, the version."""
    of = f" ({before.version} -> {after.version})" if before.version != after.version else ""
    return f"inside {after.name}, compared with {before.name}{of}:"


def closure_size(
    before: Release, after: Release, expected: list[tuple[str, ...]], *, caches: bool
) -> str:
    """The sizes of both closures in one line, as the local store and binary `caches` have them.

    Where they have not, it says how much of what is `expected` is in the local store.
    """
    sizes = []
    for release in (after, before):  # the one that may not be built yet comes first
        size = next(_known_sizes(release.toplevel, caches=caches), None)
        if size is None:
            local = sum(any(Path("/nix/store", p).exists() for p in paths) for paths in expected)
            return (
                f"known after the build; the local store has {local} of about {len(expected)} "
                "store paths"
            )
        sizes.append(size / MIB)
    new, old = sizes
    if f"{new - old:+.1f}" in {"+0.0", "-0.0"}:
        return f"{new:.1f} MiB as before"
    return f"{old:.1f} -> {new:.1f} MiB ({new - old:+.1f})"


def _known_sizes(toplevel: str, *, caches: bool) -> Iterator[int]:
    """A closure's size in bytes from every store that has it."""
    stores: list[list[str]] = [[]] if Path(toplevel).exists() else []
    if caches:
        stores += [["--store", url] for url in store.substituters()]
    for each in stores:
        try:
            argv = [*NIX, "path-info", *each, "--closure-size", toplevel]
            yield int(run(argv, timeout=CACHE_TIMEOUT).stdout.split()[1])
        except CommandError:
            continue  # it lacks the path, or does not answer
