"""The ledger: the verified releases that a stack keeps, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from flakeship.model.errors import FlakeshipError, SettingError, did_you_mean
from flakeship.model.evidence import Evidence
from flakeship.model.machine import MachineId
from flakeship.model.release import Artifact, Record, Release


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


def record(
    release: Release, artifact: Artifact, evidence: Iterable[Evidence], origin: str = ""
) -> Record:
    """The record of a release that was just verified, from the evidence of all its machines."""
    of_it = [each for each in evidence if MachineId.parse(each.machine).runs(release)]
    return Record(
        release,
        artifact,
        at=max((each.at for each in of_it), default=""),
        checks=tuple(sorted({check.name for each in of_it for check in each.checks})),
        origin=origin,
        ssh_seconds=max((each.seconds_to_ssh for each in of_it), default=0.0),
        check_seconds=max((each.check_seconds for each in of_it), default=0.0),
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
    revision of the first evaluation and the time of the first verification.
    """
    again = {record.name: record for record in verified}
    ledger = [_completed(record, again.get(record.name)) for record in ledger]
    known = {record.name: record for record in ledger}
    first = {record.release.host: record.name for record in reversed(ledger)}
    newest = [
        known.get(record.name, record)
        for record in verified
        if record.release.host not in pinned and first.get(record.release.host) != record.name
    ]
    kept = {record.name for record in (*verified, *others)} - {record.name for record in newest}
    return [*newest, *(record for record in ledger if record.name in kept)]


def _completed(known: Record, again: Record | None) -> Record:
    """A record with what an older version has not written: its first verification, and its keys."""
    if again is None:
        return known
    if not known.release.keys:
        known = replace(known, release=replace(known.release, keys=again.release.keys))
    if known.at:
        return known
    return replace(again, release=known.release, artifact=known.artifact, origin=known.origin)


def refuse_inconsistent(record: Record, stack: str, key: str) -> None:
    """Refuse a record whose hashes are not those of the files of its release, each of them.

    `stack` is the one whose ledger has it. Raises FlakeshipError (`record-inconsistent`).
    """
    if [file.path for file in record.artifact.files] == record.release.paths:
        return
    raise FlakeshipError(
        f"the stack {stack} has no hash of some file of {record.name}, or those of others",
        code="record-inconsistent",
        key=key,
        remedy="its state was changed: restore it from a backup (`pulumi stack import --stack "
        f"{stack}`)",
    )
