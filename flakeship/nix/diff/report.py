"""The report of what changes inside a host between two of its releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.nix import store
from flakeship.nix.diff import graph, render
from flakeship.nix.diff.changes import compare
from flakeship.nix.diff.closure_size import closure_size


def replaced(
    running: Mapping[str, str], ledger: list[Record], desired: Mapping[str, Release]
) -> Iterator[tuple[Release, Release]]:
    """The running and the desired release of each host where they differ.

    `running` are the names of the running releases by host; a host without one is left out.
    """
    known = {record.name: record.release for record in ledger}
    for host, release in desired.items():
        before = known.get(running.get(host, ""))
        if before and before.name != release.name:
            yield before, release


def report(before: Release, after: Release, *, full: bool = False) -> str:
    """What changes, as a summary of a few lines or in `full`; builds nothing.

    A summary asks the local store alone; the full report asks the configured binary caches, too.
    Raises FlakeshipError where a derivation is not in the store any more, or cannot be read: a
    flake may be anybody's, and what looks like NixOS may be something else.
    """
    for release in (before, after):
        if (error := store.missing(release, [release.drv])) is not None:
            raise error
    try:
        changes = compare(graph.load([before.drv, after.drv]), before, after)
        size = closure_size(before, after, changes.expected, caches=full)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise FlakeshipError(
            f"the derivations {before.drv} and {after.drv} cannot be read "
            f"({type(error).__name__}: {error})",
            code="derivation-unreadable",
            key=f"{before.name}, {after.name}",
        ) from error
    return f"{heading(before, after)}\n{(render.full if full else render.summary)(changes, size)}"


def heading(before: Release, after: Release) -> str:
    """Both names, and both versions where they differ."""
    of = f" ({before.version} -> {after.version})" if before.version != after.version else ""
    return f"{after.host}: {before.name} -> {after.name}{of}"
