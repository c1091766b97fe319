"""The report of what changes inside a host, between two of its releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.nix.diff import graph, tell
from flakeship.nix.diff.changes import compare
from flakeship.nix.diff.growth import growth


def changing(
    running: Mapping[str, str], ledger: list[Record], wanted: Mapping[str, Release]
) -> Iterator[tuple[Release, Release]]:
    """The release that runs and the wanted one of each host where these are not the same.

    `running` has the names of those that run, by host; a host that has none yet is left out.
    """
    known = {record.name: record.release for record in ledger}
    for host, release in wanted.items():
        before = known.get(running.get(host, ""))
        if before and before.name != release.name:
            yield before, release


def report(before: Release, after: Release, *, whole: bool = False) -> str:
    """What changes, in a few lines or as a `whole`; builds nothing.

    Nothing but the local store is asked; for the whole, the configured binary caches are too.
    Raises FlakeshipError where a derivation is gone from the store, or cannot be read: a flake may
    be anybody's, and what is taken for NixOS' own something else.
    """
    for release in (before, after):
        if not Path(release.drv).exists():
            raise FlakeshipError(gone(release))
    try:
        changes = compare(graph.show([before.drv, after.drv]), before, after)
        size = growth(before, after, changes.expected, caches=whole)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise FlakeshipError(
            f"what Nix says of {before.name} ({before.drv}) and {after.name} ({after.drv}) cannot "
            f"be read: {type(error).__name__}: {error}"
        ) from error
    said = (tell.whole if whole else tell.short)(changes, size)
    return f"{heading(before, after)}\n{said}"


def heading(before: Release, after: Release) -> str:
    """Both names, and the versions where they differ."""
    of = f" ({before.version} -> {after.version})" if before.version != after.version else ""
    return f"{after.host}: {before.name} -> {after.name}{of}"


def gone(release: Release) -> str:
    """Says how to bring back a release's derivation that is no longer in the store."""
    where = f"revision {release.revision}" if release.revision else "the revision it came from"
    return (
        f"the derivation of {release.name} is gone from the store ({release.drv}): "
        f"a `make preview` of the flake at {where} brings it back"
    )
