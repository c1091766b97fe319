"""The ledger: which verified releases a stack keeps, newest first."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flakeship.model import artifact
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.release import Record, Release


def read(value: Iterable[dict[str, Any]] | None) -> list[Record]:
    """The ledger from the stack's own output `releases`; a stack without one has an empty ledger.

    Raises FlakeshipError where another version wrote something that is not understood.
    """
    try:
        return TypeAdapter(list[Record]).validate_python([upgraded(each) for each in value or []])
    except (ValidationError, LookupError, TypeError) as error:
        raise FlakeshipError(
            f"the stack's output `releases` is not a ledger of this version: {error}"
        ) from error


def upgraded(record: dict[str, Any]) -> dict[str, Any]:
    """A record as JSON; one that was written when a release was a single file is converted."""
    if "artifact" in record:
        return record
    release = dict(record["release"])
    file = release.pop("file") or "."
    image = {**record, "file": str(PurePosixPath(release["out"], file))}
    return {"release": {**release, "files": [file]}, "artifact": artifact.upgraded(image)}


def choose(ledger: list[Record], name: str, key: str = "flakeship:release") -> Record:
    """The release that `key` names. Raises FlakeshipError, listing the ledger."""
    for record in ledger:
        if record.name == name:
            return record
    names = [record.name for record in ledger]
    if not names:
        raise SettingError(f"{key}: {name} is given, but no release is verified yet")
    near = difflib.get_close_matches(name, names, 1)
    raise SettingError(
        f"{key}: {name} is not in the ledger, which holds {', '.join(names)}"
        + (f"; did you mean {near[0]}?" if near else "")
    )


def older(
    ledger: list[Record], wanted: Mapping[str, Release], keep: int, chosen: Collection[str]
) -> list[Record]:
    """The verified releases to keep beside the wanted one of each host, newest first.

    `keep` counts the wanted one too, unless its host is among the `chosen`: a roll-back by name
    costs no release. A host that is no longer wanted keeps none.
    """
    kept: list[Record] = []
    for host, release in wanted.items():
        others = [r for r in ledger if r.release.host == host and r.name != release.name]
        kept += others[: keep if host in chosen else keep - 1]
    return [record for record in ledger if record in kept]


def updated(
    ledger: list[Record], verified: list[Record], others: list[Record], chosen: Collection[str]
) -> list[Record]:
    """The ledger after all of `verified` have passed; what is new for its host comes first.

    A chosen release stays where it was. One that is known already keeps its record, with the
    revision that it was made from.
    """
    known = {record.name: record for record in ledger}
    first = {record.release.host: record.name for record in reversed(ledger)}
    newest = [
        known.get(record.name, record)
        for record in verified
        if record.release.host not in chosen and first.get(record.release.host) != record.name
    ]
    kept = {record.name for record in (*verified, *others)} - {record.name for record in newest}
    return [*newest, *(record for record in ledger if record.name in kept)]
