"""The owner of images that other projects may boot from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.images import sharing
from tests.targets.openstack.unit.promoting import HERE, NAME, THERE
from tests.targets.openstack.unit.world import WEB, World, settings
from tests.unit.model.test_ledger import release


def shared(world: World, **members: str) -> None:
    (image,) = world.inventory.images
    world.change(images=[replace(image, visibility="shared", owner=HERE, members=members)])


OWNER = settings(
    WEB,
    openstack={"visibility": "shared", "shareWith": [THERE]},
    standbyReleases=0,
    retainReleases=1,
)


@pytest.mark.parametrize(
    ("status", "stays", "said"),
    [
        ("accepted", True, "have accepted it"),
        ("pending", False, "cannot see"),
        ("rejected", False, ""),
    ],
)
def test_an_accepted_image_stays(status: str, said: str, *, stays: bool) -> None:
    world = World()
    world.up(OWNER, release(1))
    shared(world, **{THERE: status})
    plan = world.plan(OWNER, release(2))
    assert [record.name for record in plan.records] == ([NAME] if stays else [])
    notices = [each for each in plan.warnings if NAME in each]
    assert [said in each for each in notices] == ([True] if said else [])
    assert THERE in "".join(notices) or not stays


def test_memberships_that_are_there_are_imported() -> None:
    world = World()
    world.up(OWNER, release(1))
    shared(world, **{THERE: "pending"})
    plan = world.plan(OWNER, release(1))
    assert plan.members == {(NAME, THERE): f"image-{NAME}/{THERE}"}
    (image,) = world.inventory.images
    world.change(images=[replace(image, status="deactivated")])
    assert world.plan(OWNER, release(1)).members == {}


def test_sharing_with_itself_is_refused() -> None:
    world = World()
    world.change(project=THERE)
    with pytest.raises(FlakeshipError) as raised:
        world.plan(OWNER, release(1))
    assert (raised.value.code, raised.value.key) == ("share-with-itself", sharing.KEY)


@pytest.mark.parametrize("visibility", ["private", "community", "public"])
def test_sharing_does_not_end_by_another_visibility(visibility: str) -> None:
    world = World()
    world.up(OWNER, release(1))
    shared(world, **{THERE: "accepted"})
    given = settings(WEB, openstack={"visibility": visibility})
    with pytest.raises(FlakeshipError) as raised:
        world.plan(given, release(1))
    assert (raised.value.code, raised.value.given) == ("image-still-shared", visibility)
    shared(world)
    world.plan(given, release(1))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"visibility": "private", "shareWith": [THERE]}, "shareWith"),
        ({"shareWith": [THERE]}, "shareWith"),
        ({"visibility": "shared", "shareWith": [THERE, THERE]}, "shareWith"),
        ({"visibility": "shared", "shareWith": ["other"]}, "shareWith[0]"),
        ({"visibility": "shared", "shareWith": [THERE.upper()]}, "shareWith[0]"),
        ({"visibility": "shared", "shareWith": ["../../" + "0" * 26]}, "shareWith[0]"),
    ],
)
def test_settings_that_share_nothing(options: dict[str, Any], key: str) -> None:
    with pytest.raises(FlakeshipError) as raised:
        settings(WEB, openstack=options)
    assert raised.value.key == f"flakeship:openstack.{key}"
