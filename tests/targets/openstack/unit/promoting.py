"""A stack that promotes: its world, the stack before, and the image that this one has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.release.desired import Desired
from flakeship.state import outputs
from flakeship.targets.openstack.images.properties import hardware
from flakeship.targets.openstack.inventory import Image
from flakeship.targets.openstack.plan import OpenStackTarget, StackPlan
from tests.targets.openstack.unit.flavors import INVENTORY
from tests.targets.openstack.unit.world import WEB, World, settings
from tests.unit.model.test_ledger import release, verified

HERE, THERE = INVENTORY.project, "5f1c0ad6c4b74d3e9b8c2f6e0a7d9314"
ONE = verified(release(1), "a", 1000, 2048)
NAME = ONE.name
SHA512 = ONE.artifact.image.sha512
OWN = Image(
    "id-1",
    NAME,
    "active",
    "private",
    sha512=SHA512,
    owner=HERE,
    properties=hardware(ONE.release),
)
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
        return OpenStackTarget("staging", GIVEN).plan(desired, self.inventory)

    def borrow(self, **image: Any) -> None:
        """A run that has booted from an image of the stack before."""
        self.up(GIVEN, release(1))
        own = {"id": "id-1", "stack": "dev", "project": THERE, "shared": True, **image}
        self.before["openstack"] |= {"published": {}, "borrowed": {NAME: own}}


def refused(world: Promoting, *images: Image) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        world.promote(*images)
    return raised.value
