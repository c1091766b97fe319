"""Which images a stack with `flakeship:protect` protects, and what may not leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.state.stack import named


def images(
    running: Mapping[str, str],
    ledger: Sequence[Record],
    desired: Mapping[str, Release],
    retain: int,
    pinned: Collection[str],
) -> frozenset[str]:
    """The releases that run by the last good run and that the run after this one keeps, whatever
    it releases: by then they are protected no more, and the one after may remove them.

    A release that this run brings is not among them: where it fails, the next one removes it. The
    arguments are as of model.ledger.older.
    """
    found = set()
    for host, release in desired.items():
        known = [record.name for record in ledger if record.release.host == host]
        after = known  # as long as the release is pinned, and where this run fails
        if host not in pinned:
            after = [release.name, *(name for name in known if name != release.name)]
        if (name := running.get(host)) in known[: retain - 1] and name in after[: retain - 1]:
            found.add(name)
    return frozenset(filter(None, found))


def removal(urns: Sequence[str], stack: str) -> FlakeshipError:
    """The error of a run that would remove protected resources."""
    return FlakeshipError(
        "protected resources would be removed: " + ", ".join(map(named, urns)),
        code="protected-removal",
        key=f"stack {stack}",
        remedy="declare them again (servers, data disks, retainReleases), or lift their "
        "protection with these commands and run it again. Nothing was changed",
        details=unprotect(urns),
    )


def unprotect(urns: Sequence[str]) -> list[str]:
    """The commands that lift the protection of resources."""
    return [f"  pulumi state unprotect '{urn}'" for urn in urns]
