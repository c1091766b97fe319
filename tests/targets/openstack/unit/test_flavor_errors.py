"""A flavor that is named, none that fits, and one that the stack creates itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.targets.openstack.flavors.fit import Need
from flakeship.targets.openstack.flavors.special_hardware import OWNER_KEY
from flakeship.targets.openstack.inventory import Flavor, Inventory
from tests.targets.openstack.unit.flavors import (
    ADMIN,
    CATALOGUE,
    INVENTORY,
    NEED,
    chosen,
    flavor,
    having,
    refused,
)


@pytest.mark.parametrize(
    ("name", "before", "what", "remedy"),
    [
        ("m1.smal", "", "is not in the cloud", "did you mean m1.small"),
        ("zzz", "", "is not in the cloud", "see `openstack flavor list`"),
        ("m0.small", "m0.small", "is gone from the cloud", "did you mean m1.small"),
    ],
)
def test_a_named_flavor_that_does_not_exist(name: str, before: str, what: str, remedy: str) -> None:
    error = refused(NEED, name, before=before)
    assert (error.code, error.given) == ("flavor-missing", name)
    assert error.what.startswith(what)
    assert error.what.endswith("not open to the project demo")
    assert error.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("wanted", "name", "what", "remedy"),
    [
        (
            replace(NEED, memory=1024, vcpus=2),
            "s1.tiny",
            "s1.tiny lacks 1 vCPU, lacks 512 MiB of memory",
            "the smallest that fits is s1.medium",
        ),
        (replace(NEED, vcpus=3), "s1.tiny", "s1.tiny lacks 2 vCPUs", "the smallest that fits"),
        (
            replace(NEED, memory=10**7),
            "s1.tiny",
            "s1.tiny lacks 9999488 MiB of memory",
            "no other fits either: lower vcpus, memory or disk",
        ),
        (NEED, "a1.tiny", "a1.tiny is for aarch64, not x86_64", "the smallest"),
        (NEED, "v1.small", "v1.small has no root disk (only for servers with volume: true)", "the"),
    ],
)
def test_a_named_flavor_is_checked_like_any(
    wanted: Need, name: str, what: str, remedy: str
) -> None:
    error = refused(wanted, name)
    assert (error.code, error.what) == ("flavor-unfit", what)
    assert error.remedy.startswith(remedy)


def test_the_nearest_are_told_with_what_they_lack() -> None:
    there = having(
        flavor("m1.small", 2, 1536, 4096),
        flavor("m1.tiny", 1, 512, 4096),
        flavor("c1.small", 4, 8192, 4096),
        flavor("gpu", 4, 8192, 4096, resources__VGPU="1"),
        flavor("far", 1, 512, 1024),
    )
    wanted = Need(2, 2048, 4096, "x86_64")
    error = refused(wanted, {"exclude": ["c1.*"]}, inventory=there)
    assert error.code == "flavor-none-fits"
    assert error.what == (
        "none of the cloud's 5 flavors fits: the server needs 2 vCPUs, 2048 MiB of memory and "
        "4096 MiB of root disk on x86_64"
    )
    assert error.details == (
        "  nearest: m1.small lacks 512 MiB of memory",
        "  nearest: c1.small is excluded by c1.*",
        "  nearest: gpu has special hardware that extraSpecs does not ask for: resources:VGPU=1",
    )


TINY = next(each for each in CATALOGUE if each.name == "s1.tiny")
DEDICATED = next(each for each in CATALOGUE if each.name == "p1.tiny")


@pytest.mark.parametrize(
    ("flavor", "said"),
    [
        ({"include": ["z*", "y*"]}, "s1.tiny is not among z*, y*"),
        (
            {"extraSpecs": {"hw:cpu_policy": "mixed"}},
            "p1.tiny has the extra spec hw:cpu_policy=dedicated, not mixed",
        ),
        ({"extraSpecs": {"a:b": "1"}}, "s1.tiny lacks the extra spec a:b=1"),
    ],
)
def test_a_wish_that_nothing_meets(flavor: object, said: str) -> None:
    details = refused(NEED, flavor, inventory=having(TINY, DEDICATED)).details
    assert said in "\n".join(details)


def test_a_cloud_that_shows_no_flavor() -> None:
    there = replace(INVENTORY, flavors=[])
    error = refused(inventory=there)
    assert (error.code, error.details) == ("flavor-none-fits", ())
    assert error.what == "the cloud shows the project demo no flavor"


def test_a_flavor_of_our_own_fits_exactly() -> None:
    wanted = Need(3, 1500, 2049, "x86_64")
    wish = {"create": True, "extraSpecs": {"hw:cpu_policy": "dedicated"}}
    found = chosen(wanted, wish, inventory=ADMIN)
    assert found.flavor == Flavor(
        id="",
        name=found.flavor.name,
        vcpus=3,
        memory=1500,
        disk=3072,
        extra_specs={"hw:cpu_policy": "dedicated", OWNER_KEY: "prod"},
    )
    assert found.flavor.name.startswith("prod-3c-1500m-3g-")
    assert chosen().flavor.id


def test_its_name_says_what_it_is() -> None:
    def name(wanted: Need = NEED, inventory: Inventory = ADMIN, **wish: object) -> str:
        return chosen(wanted, {"create": True, **wish}, inventory=inventory).flavor.name

    other = replace(ADMIN, project="another")
    names = {
        name(),
        name(replace(NEED, vcpus=2)),
        name(inventory=other),
        name(extraSpecs={"a:b": "1"}),
    }
    assert len(names) == 4
    assert name() == name()


def test_no_root_disk_for_a_volume() -> None:
    assert chosen(flavor={"create": True}, inventory=ADMIN, volume=True).flavor.disk == 0


def test_what_a_flavor_of_our_own_needs() -> None:
    create = {"create": True}
    error = refused(flavor=create)
    assert (error.code, error.given) == ("role-missing", "member, reader")
    full = replace(ADMIN, left={"cores": 0})
    error = refused(flavor=create, inventory=full)
    assert error.code == "flavor-unfit"
    assert error.what.endswith("needs 1 core, and the quota has 0 left")
    name = chosen(flavor=create, inventory=ADMIN).flavor.name
    assert chosen(flavor=create, inventory=full, before=name).flavor.name == name
    error = refused(flavor={"create": True, "extraSpecs": {"a:b": "*"}}, inventory=ADMIN)
    assert error.what.startswith("a:b needs a value")
