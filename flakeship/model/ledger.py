"""The ledger: the verified releases that a stack keeps, newest first."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flakeship.model.errors import SettingError, did_you_mean
from flakeship.model.release import Record, Release


def choose(ledger: list[Record], name: str, key: str = "flakeship:release") -> Record:
    """The record of a release by its name, which `key` gives. Raises SettingError for no such."""
    for record in ledger:
        if record.name == name:
            return record
    names = [record.name for record in ledger]
    raise SettingError(
        f"{name} is not in the ledger" if names else f"no release is verified yet, so not {name}",
        code="release-not-in-ledger",
        key=key,
        allowed=", ".join(names),
        remedy=did_you_mean(name, names),
    )


def older(
    ledger: list[Record], desired: Mapping[str, Release], retain: int, pinned: Collection[str]
) -> list[Record]:
    """The verified releases to keep besides the desired one of each host, newest first.

    `retain` counts the desired one too, unless its host is among the `pinned`: a rollback by name
    costs no release. A host that is not desired keeps none.
    """
    kept: list[Record] = []
    for host, release in desired.items():
        others = [r for r in ledger if r.release.host == host and r.name != release.name]
        kept += others[: retain if host in pinned else retain - 1]
    return [record for record in ledger if record in kept]


def updated(
    ledger: list[Record], verified: list[Record], others: list[Record], pinned: Collection[str]
) -> list[Record]:
    """The ledger once all of `verified` have passed; a new release of a host comes first.

    A pinned release keeps its place. A release that the ledger has keeps its record, with the
    revision of the first evaluation.
    """
    known = {record.name: record for record in ledger}
    first = {record.release.host: record.name for record in reversed(ledger)}
    newest = [
        known.get(record.name, record)
        for record in verified
        if record.release.host not in pinned and first.get(record.release.host) != record.name
    ]
    kept = {record.name for record in (*verified, *others)} - {record.name for record in newest}
    return [*newest, *(record for record in ledger if record.name in kept)]
