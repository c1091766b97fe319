"""Which images a stack with `flakeship:protect` protects: what protects must be able to leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from flakeship.model.release import Record, Release


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
        if host not in pinned:
            known = [release.name, *(name for name in known if name != release.name)]
        if (name := running.get(host)) in known[: retain - 1]:
            found.add(name)
    return frozenset(filter(None, found))
