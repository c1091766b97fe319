"""Which images stay published, and how often each has been uploaded."""

from __future__ import annotations

from flakeship.model.release import Record
from flakeship.rollout.retention import (
    ImageUse,
    Publication,
    Retention,
    retain,
    upload_numbers,
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


def test_uploads_are_counted() -> None:
    known = {FOUR.name: Publication("image-1", 2)}
    assert upload_numbers([FOUR.release], [], {}, {"image-1"}) == {FOUR.name: 1}
    assert upload_numbers([FOUR.release], [], known, {"image-1"}) == {FOUR.name: 2}
    assert upload_numbers([], [FOUR], known, {"image-2"}) == {FOUR.name: 3}
