"""A stack boots from the image of the stack before, where it may, and uploads none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.release.desired import Desired
from flakeship.state import outputs
from flakeship.targets.openstack.images import sharing
from flakeship.targets.openstack.inventory import Image
from flakeship.targets.openstack.outputs import Borrowed
from flakeship.targets.openstack.plan import OpenStackTarget, StackPlan, image_ids
from tests.targets.openstack.unit.flavors import INVENTORY
from tests.targets.openstack.unit.world import WEB, World, settings
from tests.unit.model.test_ledger import release, verified

HERE, THERE = INVENTORY.project, "5f1c0ad6c4b74d3e9b8c2f6e0a7d9314"
ONE = verified(release(1), "a", 1000, 2048)
NAME = ONE.name
SHA512 = ONE.artifact.image.sha512
OWN = Image("id-1", NAME, "active", "private", sha512=SHA512, owner=HERE)
FOREIGN = replace(OWN, visibility="shared", owner=THERE, members={HERE: "pending"})
GIVEN = settings(WEB, promoteFrom="dev")


def upstream(
    project: str = HERE, borrowed: dict[str, Any] | None = None, records: list[Record] | None = None
) -> outputs.StackOutputs:
    """The outputs of the stack before, which runs the release 1."""
    part = {"project": project, "published": {NAME: {"id": "id-1", "count": 1}}}
    if borrowed:
        part |= {"published": {}, "borrowed": borrowed}
    raw = {
        "flakeship": outputs.header("openstack"),
        "running": {"web": NAME},
        "openstack": part,
    }
    return replace(outputs.read(raw, "dev"), ledger=records or [ONE])


class Promoting(World):
    """The world of a stack that promotes from another one."""

    def promote(
        self,
        *images: Image,
        before: outputs.StackOutputs | None = None,
        absent: tuple[str, ...] = (),
        digit: int = 1,
    ) -> StackPlan:
        self.change(images=list(images))
        own = replace(outputs.read(self.before, "staging"), ledger=list(self.ledger))
        desired = Desired(
            "dev",
            GIVEN,
            {"web": release(digit)},
            own,
            absent=frozenset(absent),
            upstream=before or upstream(),
        )
        return OpenStackTarget(GIVEN).plan(desired, self.inventory)

    def borrow(self, **image: Any) -> None:
        """A run that has booted from an image of the stack before."""
        self.up(GIVEN, release(1))
        own = {"id": "id-1", "stack": "dev", "project": THERE, "shared": True, **image}
        self.before["openstack"] |= {"published": {}, "borrowed": {NAME: own}}


def refused(world: Promoting, *images: Image) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        world.promote(*images)
    return raised.value


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


def test_other_bytes_are_refused() -> None:
    error = refused(Promoting(), replace(OWN, sha512="b" * 128))
    assert (error.code, error.key) == ("image-differs", NAME)
    # also where the machine is there
    world = Promoting()
    world.borrow()
    assert refused(world, replace(FOREIGN, sha512="b" * 128)).code == "image-differs"
    # and where the stack before has the right one
    world = Promoting()
    world.borrow(id="id-2")
    assert refused(world, OWN, replace(OWN, id="id-2", sha512="b" * 128)).code == "image-differs"


def test_a_deactivated_image_is_refused_only_where_a_machine_waits_for_it() -> None:
    deactivated = replace(OWN, status="deactivated")
    error = refused(Promoting(), deactivated)
    assert (error.code, error.key) == ("image-deactivated", NAME)
    world = Promoting()
    world.borrow()
    plan = world.promote(replace(FOREIGN, status="deactivated"))
    assert plan.borrowing.images[NAME].id == "id-1"
    assert any("deactivated" in warning for warning in plan.warnings)


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


def test_an_own_image_stays_the_own_one() -> None:
    world = Promoting()
    world.up(GIVEN, release(1))
    own = replace(OWN, id=f"image-{NAME}")
    plan = world.promote(own, OWN)
    assert (plan.borrowing.images, plan.uploads.numbers) == ({}, {NAME: 1})


def test_another_target_offers_nothing() -> None:
    before = replace(upstream(), target="local", details={})
    assert Promoting().promote(OWN, before=before).uploads.numbers == {NAME: 1}
    assert image_ids({"dev": before}) == []
    assert image_ids({"dev": upstream()}) == ["id-1"]


# the owner


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
