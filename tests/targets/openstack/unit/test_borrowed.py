"""A stack boots from the image of the stack before, where it may, and uploads none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.images.borrowed import image_ids
from flakeship.targets.openstack.inventory import Image
from flakeship.targets.openstack.outputs import Borrowed
from tests.targets.openstack.unit.promoting import (
    FOREIGN,
    GIVEN,
    HERE,
    NAME,
    OWN,
    THERE,
    Promoting,
    upstream,
)
from tests.targets.openstack.unit.world import WEB, settings
from tests.unit.model.test_ledger import release


def test_an_image_of_the_same_project_is_booted_without_an_upload() -> None:
    plan = Promoting().promote(OWN, absent=(NAME,))
    assert plan.borrowing.images == {NAME: Borrowed("id-1", "dev", HERE)}
    assert plan.uploads.numbers == {}
    assert plan.needs_files == set()
    assert any("id-1" in fact and "stack dev" in fact for fact in plan.facts)


@pytest.mark.parametrize("status", ["pending", "accepted", "rejected"])
def test_an_image_that_is_shared_is_accepted(status: str) -> None:
    plan = Promoting().promote(replace(FOREIGN, members={HERE: status}), before=upstream(THERE))
    assert plan.borrowing.images == {NAME: Borrowed("id-1", "dev", THERE, shared=True)}
    assert any(THERE in fact for fact in plan.facts)


@pytest.mark.parametrize("visibility", ["public", "community"])
def test_an_image_for_everybody_needs_no_membership(visibility: str) -> None:
    image = replace(FOREIGN, visibility=visibility, members=None)
    plan = Promoting().promote(image, before=upstream(THERE))
    assert plan.borrowing.images == {NAME: Borrowed("id-1", "dev", THERE)}


def test_along_a_chain_it_is_the_image_of_its_first_stack() -> None:
    first = {"id": "id-1", "stack": "first", "project": THERE, "shared": True}
    plan = Promoting().promote(FOREIGN, before=upstream(HERE, {NAME: first}))
    assert plan.borrowing.images == {NAME: Borrowed("id-1", "first", THERE, shared=True)}


NOT_SHARED = replace(FOREIGN, members={})
PRIVATE = replace(FOREIGN, visibility="private", members=None)  # as an admin sees it


@pytest.mark.parametrize("images", [(), (NOT_SHARED,), (PRIVATE,)])
def test_what_the_project_may_not_boot_is_uploaded_and_the_way_to_share_it_named(
    images: tuple[Image, ...],
) -> None:
    plan = Promoting().promote(*images, before=upstream(THERE))
    assert plan.borrowing.images == {}
    assert plan.uploads.numbers == {NAME: 1}
    assert plan.needs_files == {NAME}
    assert f"shareWith: [{HERE}]" in plan.instead_of_files[NAME]
    assert any("uploads one of its own" in fact for fact in plan.facts)


@pytest.mark.parametrize(
    "images",
    [(), (replace(OWN, status="killed"),), (replace(OWN, sha512=""),)],
)
def test_what_is_gone_or_cannot_be_compared_is_uploaded(images: tuple[Image, ...]) -> None:
    plan = Promoting().promote(*images)
    assert plan.uploads.numbers == {NAME: 1}
    assert plan.instead_of_files == {}
    assert any("uploads one of its own" in fact for fact in plan.facts)


def test_an_own_image_stays_the_own_one() -> None:
    world = Promoting()
    world.up(GIVEN, release(1))
    own = replace(OWN, id=f"image-{NAME}")
    plan = world.promote(own, OWN)
    assert (plan.borrowing.images, plan.uploads.numbers) == ({}, {NAME: 1})


def test_another_target_offers_nothing() -> None:
    before = replace(upstream(), target="local", details={})
    assert Promoting().promote(OWN, before=before).uploads.numbers == {NAME: 1}
    assert image_ids("staging", GIVEN, {"dev": before}) == []


def test_of_another_stack_only_what_may_run_here_is_asked_for() -> None:
    before = upstream()
    published = {f"web-{n:08}": {"id": f"many-{n}", "count": 1} for n in range(1000)}
    many = replace(
        before,
        details={
            "project": HERE,
            "published": published | before.details["published"],
            "borrowed": {
                "web-older000": {"id": "older", "stack": "first", "project": THERE},
                "web-other000": {"id": "other", "stack": "first", "project": THERE},
            },
        },
        running=before.running | {f"other-{n}": name for n, name in enumerate(published)},
    )
    known = {"dev": many}
    assert image_ids("staging", GIVEN, known) == ["id-1"]
    pinned = settings(WEB, promoteFrom="dev", release="web-00000007")
    assert image_ids("staging", pinned, known) == ["id-1", "many-7"]
    # its own are all asked for, and what it has borrowed also where the stack before has it
    own = {
        "published": {"web-own00000": {"id": "own", "count": 1}},
        "borrowed": {"web-older000": {"id": "mine", "stack": "first", "project": THERE}},
    }
    known["staging"] = replace(before, details=own)
    assert image_ids("staging", GIVEN, known) == ["id-1", "mine", "older", "own"]


@pytest.mark.parametrize(
    "planted",
    [
        {"id": "../../v3"},
        {"id": "x" * 64},
        {"project": "a b"},
        {"project": ""},
        {"stack": "dev\x1b[2J"},
        {"stack": "x" * 5000},
    ],
)
def test_what_a_state_cannot_have_is_refused(planted: dict[str, str]) -> None:
    image = {"id": "id-1", "stack": "first", "project": THERE} | planted
    with pytest.raises(FlakeshipError) as raised:
        Promoting().promote(OWN, before=upstream(HERE, {NAME: image}))
    assert raised.value.code == "outputs-unreadable"
