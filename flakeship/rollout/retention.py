"""Which images stay published: those of the ledger, and those that something boots from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flakeship.model.release import Record, Release


@dataclass(frozen=True)
class Publication:
    """An image that a stack has published: its id in the target, and how often it was uploaded."""

    id: str
    count: int = 1


@dataclass(frozen=True)
class ImageUse:
    """Who boots from an image, for a person, and why others may not be seen; empty: all are."""

    users: Sequence[str] = ()
    blind: str = ""


@dataclass(frozen=True)
class Retention:
    """The releases of the ledger whose images stay beside the desired ones."""

    records: list[Record]
    notices: list[str]


def retain(
    ledger: Sequence[Record],
    others: Collection[Record],
    *,
    desired: Collection[str],
    standby: Collection[str],
    use: Callable[[str], ImageUse],
) -> Retention:
    """Choose the releases that stay, the newest first.

    `others` are the records that the settings retain, `desired` and `standby` the names of the
    releases that active and standby machines run. `use` tells who uses the image of a release that
    would leave, without the machines that this run removes.
    """
    used, notices = set(), []
    for record in ledger:
        if record in others or record.name in desired:
            continue
        found = use(record.name)
        if found.users:
            used.add(record.name)
            users = ", ".join(found.users)
            notices.append(f"the image of {record.name} stays: servers boot from it: {users}")
        elif found.blind:
            notices.append(f"the image of {record.name} is removed; {found.blind}")
    standing = {*standby} - {*desired}
    kept = [r for r in ledger if r in others or r.name in used or r.name in standing]
    return Retention(kept, notices)


def upload_numbers(
    releases: Iterable[Release],
    records: Iterable[Record],
    published: Mapping[str, Publication],
    usable: Collection[str],
) -> dict[str, int]:
    """The number of the upload of every release that stays: the desired ones, and the records.

    It is the next one where the image is not among `usable`, the ids of those that can be booted.
    """
    names = [*(release.name for release in releases), *(record.name for record in records)]
    last = {name: published.get(name, Publication("", 0)) for name in names}
    return {
        name: known.count if known.id in usable else known.count + 1 for name, known in last.items()
    }
