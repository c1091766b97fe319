"""What becomes of a stack whose last run has booted from the image of another one."""

from __future__ import annotations

from dataclasses import replace

from flakeship.targets.openstack.outputs import Borrowed
from tests.targets.openstack.unit.promoting import (
    FOREIGN,
    HERE,
    NAME,
    ONE,
    OWN,
    THERE,
    Promoting,
    upstream,
)
from tests.unit.model.test_ledger import release, verified


def test_a_borrowed_image_is_borrowed_again_and_nothing_is_told() -> None:
    world = Promoting()
    world.borrow()
    plan = world.promote(replace(FOREIGN, members={HERE: "accepted"}))
    assert plan.borrowing.images == {NAME: Borrowed("id-1", "dev", THERE, shared=True)}
    assert (plan.warnings, plan.borrowing.facts, plan.repairs) == ([], [], {})


def test_whoever_shows_or_hides_a_borrowed_image_is_not_undone() -> None:
    world = Promoting()
    world.borrow()
    for image in (replace(FOREIGN, hidden=True), replace(FOREIGN, visibility="public")):
        plan = world.promote(replace(image, members={HERE: "accepted"}))
        assert plan.repairs == {}


def test_a_rejected_membership_is_told() -> None:
    world = Promoting()
    world.borrow()
    (warning,) = world.promote(replace(FOREIGN, members={HERE: "rejected"})).warnings
    assert "rejected" in warning


def test_a_borrowed_image_that_goes_leaves_its_servers_alone() -> None:
    world = Promoting()
    world.borrow()
    plan = world.promote(absent=(NAME,))
    assert plan.borrowing.images[NAME].id == "id-1"
    assert plan.needs_files == set()
    assert plan.uploads.numbers == {}
    assert any("cannot be seen" in warning for warning in plan.warnings)
    # a machine that waits for it needs the files, and then the image is the stack's own
    world.change(servers=[])
    plan = world.promote(absent=(NAME,))
    assert plan.borrowing.images == {}
    assert plan.needs_files == {NAME}


def test_a_kept_release_whose_borrowed_image_goes_needs_its_files() -> None:
    world = Promoting()
    world.borrow()
    two = verified(release(2), "a", 1000, 2048)
    next_one = {"project": HERE, "published": {two.name: {"id": "id-2", "count": 1}}}
    before = replace(upstream(), details=next_one, ledger=[two, ONE])
    image = replace(OWN, id="id-2", name=two.name)
    plan = world.promote(image, before=before, digit=2)
    assert [record.name for record in plan.records] == [NAME]
    assert set(plan.borrowing.images) == {NAME, two.name}
    # its machine is a standby one, which boots no more; without that nothing could boot it
    assert plan.needs_files == set()
    world.change(servers=[])
    assert world.promote(image, before=before, digit=2).needs_files == {NAME}
