"""Which images stay published, and how often each has been uploaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from flakeship.model.release import Record
from flakeship.rollout.retention import (
    ImageUse,
    Publication,
    Retention,
    Uploads,
    plan_uploads,
    retain,
)
from tests.unit.model.test_ledger import record

FOUR, THREE, TWO, ONE = (record(n) for n in (4, 3, 2, 1))
LEDGER = [FOUR, THREE, TWO, ONE]


def retained(*others: Record, standby: str = "", **uses: ImageUse) -> Retention:
    return retain(
        LEDGER,
        others,
        desired={FOUR.name},
        standby={record.name for record in LEDGER if record.name[-1] in standby},
        use=lambda name: uses.get(f"r{name[-1]}", ImageUse()),
    )


def test_the_settings_decide() -> None:
    assert retained(THREE) == Retention([THREE], [])
    assert retained() == Retention([], [])


def test_an_image_that_something_boots_from_stays() -> None:
    found = retained(THREE, r1=ImageUse(["theirs (id-x)"]))
    assert found.records == [THREE, ONE]
    assert found.notices == [f"the image of {ONE.name} stays: servers boot from it: theirs (id-x)"]


def test_an_image_that_another_project_has_accepted_stays() -> None:
    found = retained(THREE, r1=ImageUse(accepted=["p", "q"]), r2=ImageUse(["a"], "", ["p"]))
    assert found.records == [THREE, TWO, ONE]
    assert ["servers" in each for each in found.notices] == [True, False]
    assert [each.rpartition(": ")[2] for each in found.notices] == ["p", "p, q"]


def test_users_of_what_stays_anyway_are_no_news() -> None:
    use = ImageUse(["web"], blind="nobody sees")
    assert retained(THREE, r3=use, r4=use).notices == []


def test_the_release_of_a_standby_stays() -> None:
    assert retained(standby="2").records == [TWO]
    # of the desired release there is a record anyway, after the verification
    assert retained(standby="4").records == []


def test_where_users_cannot_be_seen_a_person_is_told() -> None:
    (notice,) = retained(THREE, TWO, r1=ImageUse(blind="nobody sees who boots from it")).notices
    assert notice == f"the image of {ONE.name} is removed; nobody sees who boots from it"


def uploads(
    *usable: str,
    releases: Sequence[Record] = (FOUR,),
    records: Sequence[Record] = (),
    counts: Mapping[str, int] = MappingProxyType({FOUR.name: 2, THREE.name: 1}),
    running: Collection[str] = (),
    absent: Collection[str] = (),
) -> Uploads:
    """The uploads where the image of each release is called like the release."""
    published = {name: Publication(name, count) for name, count in counts.items()}
    desired = [each.release for each in releases]
    return plan_uploads(desired, records, published, usable, running=running, absent=absent)


def test_uploads_are_counted() -> None:
    assert uploads(counts={}).numbers == {FOUR.name: 1}
    assert uploads(FOUR.name).numbers == {FOUR.name: 2}
    assert uploads(releases=(), records=[FOUR]).numbers == {FOUR.name: 3}


def test_files_are_needed_of_what_has_neither_an_image_nor_machines() -> None:
    assert uploads(FOUR.name).need_files == set()
    assert uploads().need_files == {FOUR.name}
    assert uploads(running={FOUR.name}).need_files == set()
    assert uploads(running={FOUR.name}, counts={}).need_files == {FOUR.name}
    assert uploads(FOUR.name, records=[THREE]).need_files == {THREE.name}
    assert uploads(FOUR.name, records=[THREE], running={THREE.name}).need_files == set()


def test_a_lost_image_that_nothing_needs_waits_for_a_workstation_with_its_files() -> None:
    here = uploads(running={FOUR.name})
    assert (here.numbers, here.notices) == ({FOUR.name: 3}, [])
    elsewhere = uploads(running={FOUR.name}, absent={FOUR.name})
    assert elsewhere.numbers == {FOUR.name: 2}
    assert FOUR.name in "".join(elsewhere.notices)
    kept = uploads(FOUR.name, records=[THREE], absent={THREE.name})
    assert (kept.numbers[THREE.name], kept.notices) == (1, [])  # the stack's warning tells it
    needed = uploads(absent={FOUR.name})
    assert needed.numbers == {FOUR.name: 3}
    assert needed.need_files == {FOUR.name}
    assert uploads(FOUR.name, absent={FOUR.name}).notices == []
