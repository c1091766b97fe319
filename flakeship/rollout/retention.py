"""Which images stay published: those of the ledger, and those that something boots from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flakeship.model.fields import Text
from flakeship.model.release import Record, Release


@dataclass(frozen=True)
class Publication:
    """An image that a stack has published: its id in the target, and how often it was uploaded."""

    id: Text
    count: int = 1


@dataclass(frozen=True)
class ImageUse:
    """Who boots from an image, for a person, and why others may not be seen; empty: all are.

    `accepted` are other projects that may, and have accepted that.
    """

    users: Sequence[str] = ()
    blind: str = ""
    accepted: Sequence[str] = ()


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
        reasons = [
            f"{what}: {', '.join(who)}"
            for what, who in (
                ("servers boot from it", found.users),
                ("other projects have accepted it", found.accepted),
            )
            if who
        ]
        if reasons:
            used.add(record.name)
            notices.append(f"the image of {record.name} stays: {'; '.join(reasons)}")
        elif found.blind:
            notices.append(f"the image of {record.name} is removed; {found.blind}")
    standing = {*standby} - {*desired}
    kept = [r for r in ledger if r in others or r.name in used or r.name in standing]
    return Retention(kept, notices)


@dataclass(frozen=True)
class Uploads:
    """The number of the upload of every release that stays, and those that `need_files`.

    A higher number than the last one uploads the image again.
    """

    numbers: Mapping[str, int]
    need_files: frozenset[str]
    notices: list[str]


def plan_uploads(
    releases: Iterable[Release],
    records: Iterable[Record],
    published: Mapping[str, Publication],
    usable: Collection[str],
    *,
    running: Collection[str],
    absent: Collection[str],
) -> Uploads:
    """Plan the uploads of the desired releases and of the records, by what is `published`.

    `usable` are the ids of the images that can be booted. A release needs its files where its image
    is not among them, unless all of its machines are there: those are the `running` ones. A lost
    image that no machine waits for is uploaded again too, unless its files are `absent` here.
    """
    desired = [release.name for release in releases]
    names = [*desired, *(record.name for record in records)]
    last = {name: published.get(name, Publication("", 0)) for name in names}
    lost = {name for name, known in last.items() if known.id not in usable}
    need = {name for name in lost if name not in running or not last[name].count}
    waiting = sorted((lost - (need & {*desired})) & {*absent})
    return Uploads(
        {
            name: known.count + (name in lost and name not in waiting)
            for name, known in last.items()
        },
        frozenset(need),
        [
            f"the image of {name} is gone; its servers run, and a workstation that has its files "
            "uploads it again"
            for name in waiting
            if name not in need
        ],
    )
