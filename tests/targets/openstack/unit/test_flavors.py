"""A server gets the smallest flavor that fits, keeps it, and is told what the others lack."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dev.openstack.flavors import FLAVORS
from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors.choice import Choice, choose, size
from flakeship.targets.openstack.flavors.fit import Need, lacks, need
from flakeship.targets.openstack.flavors.special_hardware import OURS
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer
from tests.targets.openstack.unit.blocks import in_block
from tests.unit.model.test_ledger import release, verified

CATALOGUE = [
    Flavor(f"id-{f.name}", f.name, f.vcpus, f.memory, f.disk * 1024, f.ephemeral * 1024, f.extra)
    for f in FLAVORS
    if f.public
]
LOOK = Inventory(
    project="0badc0de",
    project_name="demo",
    roles=["member", "reader"],
    flavors=CATALOGUE,
    images=[],
    servers=[],
    networks=[],
    left={},
)
NEED = Need(vcpus=1, memory=512, disk=2048, architecture="x86_64")
ADMIN = replace(LOOK, roles=["admin", "member"])


def server(flavor: object = None, **given: Any) -> CloudServer:
    wish = {} if flavor is None else {"flavor": flavor}
    return CloudServer.model_validate(in_block({"name": "web", **wish, **given}))


def look(*flavors: Flavor, **left: int) -> Inventory:
    return replace(LOOK, flavors=list(flavors) or CATALOGUE, left=left)


def flavor(name: str, vcpus: int = 1, memory: int = 512, disk: int = 2048, **extra: str) -> Flavor:
    specs = {key.replace("__", ":"): value for key, value in extra.items()}
    return Flavor(f"id-{name}", name, vcpus, memory, disk, 0, specs)


def chosen(
    wanted: Need = NEED,
    flavor: object = None,
    *,
    prices: Mapping[str, float] | None = None,
    before: str = "",
    there: Inventory = LOOK,
    **given: Any,
) -> Choice:
    return choose(server(flavor, **given), wanted, there, prices or {}, before=before, stack="prod")


def refused(wanted: Need = NEED, flavor: object = None, **given: Any) -> str:
    with pytest.raises(SettingError) as caught:
        chosen(wanted, flavor, **given)
    return str(caught.value)


# What a server needs

SIZED = replace(release(1), disk=4096, memory=1024)
AUTO = replace(release(1), disk="auto")
OLDER = [verified(release(3), "3", 1, 5000), verified(release(2), "2", 1, 9000)]


def test_the_need_is_the_larger_of_settings_and_release() -> None:
    assert need(server(memory=512, disk="2G"), SIZED, []) == Need(2, 1024, 4096, "x86_64")
    assert need(server(memory="8G", disk="9G"), SIZED, []) == Need(2, 8192, 9216, "x86_64")


def test_an_image_that_was_built_has_its_own_size() -> None:
    found = need(server(), AUTO, [*OLDER, verified(AUTO, "1", 1, 3000)])
    assert (found.disk, found.estimated) == (3000, False)


def test_before_it_is_built_the_newest_of_its_host_is_an_estimate() -> None:
    other = verified(replace(release(4), host="db"), "4", 1, 70000)
    found = need(server(), AUTO, [other, *OLDER])
    assert (found.disk, found.estimated) == (5000, True)
    assert chosen(found).notes == [
        "web: how much disk web-11111111 needs is known once it is built, and checked then: "
        "until then 5000 MiB, as web-33333333 needs"
    ]
    assert "5000 MiB of root disk (an estimate)" in refused(replace(found, vcpus=99))


def test_with_no_older_release_the_settings_stand_alone() -> None:
    found = need(server(disk="3G"), AUTO, [verified(release(3), "3")])
    assert (found.disk, found.estimated) == (3072, True)
    assert "until then" not in found.doubt


# Each rule, in a case where it is all that decides


@pytest.mark.parametrize(
    ("wanted", "flavor", "given", "name"),
    [
        (NEED, None, {}, "s1.tiny"),
        (replace(NEED, disk=2049), None, {}, "s1.small"),
        (replace(NEED, vcpus=2), None, {}, "s1.duo"),
        (replace(NEED, vcpus=3), None, {}, "c1.lean"),
        (replace(NEED, memory=513), None, {}, "s1.plus"),
        (replace(NEED, disk=20480), None, {}, "m1.small"),
        (NEED, None, {"volume": True}, "v1.tiny"),
        (NEED, {"include": ["m1.*", "c1.*"]}, {}, "c1.lean"),
        (NEED, {"exclude": ["s1.*"]}, {}, "d1.tiny"),
        (NEED, {"exclude": ["S1.*"]}, {}, "s1.tiny"),
        (NEED, {"extraSpecs": {"hw:cpu_policy": "dedicated"}}, {}, "p1.tiny"),
        (NEED, {"extraSpecs": {"resources:VGPU": "*"}}, {}, "g1.tiny"),
        (NEED, {"extraSpecs": {"pci_passthrough:alias": "gpu-large:1"}}, {}, "g1.large"),
        (NEED, {"include": ["g1.tiny"]}, {}, "g1.tiny"),
        (NEED, "g1.tiny", {}, "g1.tiny"),
        (NEED, "m1.large", {}, "m1.large"),
        (replace(NEED, architecture="aarch64"), None, {}, "a1.tiny"),
    ],
)
def test_the_smallest_that_fits(
    wanted: Need, flavor: object, given: dict[str, Any], name: str
) -> None:
    assert chosen(wanted, flavor, **given) == Choice(next(f for f in CATALOGUE if f.name == name))


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("hw:cpu_policy", "shared", True),
        ("hw:cpu_policy", "mixed", False),
        ("hw:mem_page_size", "any", True),
        ("hw:mem_page_size", "1GB", False),
        ("hw:numa_nodes", "1", True),
        ("hw_rng:allowed", "true", True),
        ("quota:vif_outbound_average", "1000", True),
        ("resources:VCPU", "2", True),
        ("resources:VGPU", "0", True),
        ("resources2:VGPU", "1", False),
        ("resources_fast:FPGA", "1", False),
        ("resources:CUSTOM_BAREMETAL_GOLD", "1", False),
        ("trait:HW_CPU_X86_AVX2", "required", False),
        ("trait:CUSTOM_SLOW", "forbidden", True),
        ("trait_1:STORAGE_DISK_SSD", "required", False),
        ("accel:device_profile", "fpga", False),
        ("pci_passthrough:alias", "nic:1", False),
        ("aggregate_instance_extra_specs:GPU", "true", False),
        ("aggregate_instance_extra_specs:gpu", "false", True),
        ("aggregate_instance_extra_specs:ssd", "true", True),
        ("capabilities:hypervisor_type", "QEMU", True),
        (OURS, "prod", False),
    ],
)
def test_what_is_special_is_wished_or_not_taken(key: str, value: str, taken: bool) -> None:
    there = replace(LOOK, flavors=[Flavor("1", "one", 1, 512, 2048, 0, {key: value})])
    if taken:
        assert chosen(there=there).flavor.name == "one"
    else:
        assert f"one has the special {key}={value}, which is not wished" in refused(there=there)
        assert chosen(NEED, {"extraSpecs": {key: value}}, there=there).flavor.name == "one"


@pytest.mark.parametrize(
    ("key", "value", "x86", "arm"),
    [
        ("capabilities:architecture", "aarch64", False, True),
        ("capabilities:cpu_info:arch", "<or> x86_64 <or> aarch64", True, True),
        ("capabilities:cpu_info:arch", "<in> amd64", True, False),
        ("hw_architecture", "arm64", False, True),
        ("trait:HW_ARCH_AARCH64", "required", False, True),
        ("trait1:COMPUTE_ARCH_X86_64", "required", True, False),
        ("trait:HW_ARCH_AARCH64", "forbidden", True, True),
        ("hw:numa_nodes", "1", True, True),
    ],
)
def test_the_architecture_is_the_release_s(key: str, value: str, x86: bool, arm: bool) -> None:
    one = Flavor("1", "one", 1, 512, 2048, 0, {key: value})
    for wanted, fits in (("x86_64", x86), ("aarch64", arm)):
        short = lacks(one, server(), replace(NEED, architecture=wanted), look(one))
        assert (not short) == fits, short


def test_a_flavor_without_architecture_is_x86_where_another_names_the_wanted_one() -> None:
    arm = replace(NEED, architecture="aarch64")
    named = flavor("arm", memory=4096, hw_architecture="aarch64")
    assert chosen(arm, there=look(flavor("plain"))).flavor.name == "plain"
    assert chosen(arm, there=look(flavor("plain"), named)).flavor.name == "arm"


def test_the_quota_decides_for_what_is_still_left() -> None:
    quad = replace(NEED, vcpus=2, memory=600)
    assert chosen(quad, there=look()).flavor.name == "s1.medium"
    assert chosen(quad, {"exclude": ["s1.m*"]}, there=look(ram=2048)).flavor.name == "s1.large"
    said = refused(quad, there=look(cores=1))
    assert "s1.medium needs 2 cores, and the quota has 1 left" in said
    assert "needs 1 server, and the quota has 0 left" in refused(there=look(instances=0))
    assert "needs 512 MiB of memory, and the quota has 100 left" in refused(there=look(ram=100))


# The order


def test_a_price_comes_before_any_size_and_what_has_none_comes_last() -> None:
    prices = {"m1.large": 3.0, "c1.large": 2.5, "s1.nano": 0.1}
    assert chosen(prices=prices).flavor.name == "c1.large"
    assert chosen(prices=prices, flavor={"include": ["m1.small", "m1.large"]}).flavor.name == (
        "m1.large"
    )


@pytest.mark.parametrize(
    "rest",
    [
        {"memory": 513},
        {"vcpus": 2},
        {"disk": 3072},
        {"ephemeral": 1024},
        {"name": "b"},
    ],
)
def test_each_part_of_the_order_decides_alone(rest: dict[str, Any]) -> None:
    one = flavor("a")
    other = replace(flavor("a"), **rest)
    assert size(one, {}) < size(other, {})


def test_memory_counts_more_than_vcpus_and_vcpus_more_than_disk() -> None:
    lean, quick, wide = (
        flavor("lean", 4, 512, 99999),
        flavor("quick", 2, 1024, 4096),
        flavor("wide", 1, 1024, 99999),
    )
    for order in itertools.permutations((lean, quick, wide)):
        assert sorted(order, key=lambda each: size(each, {})) == [lean, wide, quick]


# It stays


def test_a_flavor_that_fits_is_kept_and_a_smaller_one_is_told() -> None:
    kept = chosen(before="m1.small")
    assert kept.flavor.name == "m1.small"
    assert kept.notes == [
        "web keeps m1.small; s1.tiny fits too and is smaller: `flavor: s1.tiny` moves it there"
    ]
    assert chosen(before="s1.tiny").notes == []
    cheap = chosen(before="s1.tiny", prices={"m1.small": 1.0})
    assert (cheap.flavor.name, "m1.small fits too and is cheaper" in cheap.notes[0]) == (
        "s1.tiny",
        True,
    )


def test_another_of_the_same_size_is_nothing_to_tell() -> None:
    there = look(flavor("a"), flavor("b"))
    assert chosen(before="b", there=there) == Choice(flavor("b"))


def test_a_full_quota_takes_nothing_from_a_server_that_runs() -> None:
    full = look(instances=0, cores=0, ram=0)
    assert chosen(before="s1.tiny", there=full).flavor.name == "s1.tiny"
    assert chosen(flavor="s1.tiny", before="s1.tiny", there=full).flavor.name == "s1.tiny"
    assert "quota" in refused(flavor="s1.tiny", before="s1.nano", there=full)


def test_a_flavor_that_no_longer_fits_is_left_with_the_reason() -> None:
    moved = chosen(replace(NEED, memory=600), before="s1.tiny")
    assert moved.flavor.name == "s1.plus"
    assert moved.notes == [
        "web moves to s1.plus with its next machine: s1.tiny lacks 88 MiB of memory"
    ]


def test_a_flavor_that_is_gone_is_told() -> None:
    moved = chosen(before="s0.tiny")
    assert moved.flavor.name == "s1.tiny"
    assert moved.notes == [
        "web moves to s1.tiny with its next machine: s0.tiny is gone from the cloud"
    ]


# A named one


@pytest.mark.parametrize(
    ("wanted", "name", "before", "said"),
    [
        (
            NEED,
            "m1.smal",
            "",
            "is not in the cloud, or not open to the project demo; did you mean m1.sm",
        ),
        (NEED, "zzz", "", "zzz is not in the cloud, or not open to the project demo; see `"),
        (NEED, "m0.small", "m0.small", "m0.small is gone from the cloud, or"),
        (
            replace(NEED, memory=1024, vcpus=2),
            "s1.tiny",
            "",
            "s1.tiny lacks 1 vCPU, lacks 512 MiB of memory; the smallest that fits is s1.medium",
        ),
        (replace(NEED, vcpus=3), "s1.tiny", "", "s1.tiny lacks 2 vCPUs; the smallest that fits"),
        (
            replace(NEED, memory=10**7),
            "s1.tiny",
            "",
            "lacks 9999488 MiB of memory; no other fits either: lower vcpus, memory or disk",
        ),
        (NEED, "a1.tiny", "", "a1.tiny is for aarch64, not x86_64; the smallest"),
        (NEED, "v1.small", "", "v1.small has no root disk (only for servers with volume: true); "),
    ],
)
def test_a_named_flavor_is_checked_like_any(
    wanted: Need, name: str, before: str, said: str
) -> None:
    found = refused(wanted, name, before=before)
    assert found.startswith("flakeship:servers: web: the flavor ")
    assert said in found


# None fits


def test_the_nearest_are_told_with_what_they_lack() -> None:
    there = look(
        flavor("m1.small", 2, 1536, 4096),
        flavor("m1.tiny", 1, 512, 4096),
        flavor("c1.small", 4, 8192, 4096),
        flavor("gpu", 4, 8192, 4096, resources__VGPU="1"),
        flavor("far", 1, 512, 1024),
    )
    wanted = Need(2, 2048, 4096, "x86_64")
    assert refused(wanted, {"exclude": ["c1.*"]}, there=there).splitlines() == [
        "flakeship:servers: web: none of the 5 flavors of the cloud fits: it needs 2 vCPUs, "
        "2048 MiB of memory and 4096 MiB of root disk on x86_64, and",
        "  m1.small lacks 512 MiB of memory",
        "  c1.small is excluded by c1.*",
        "  gpu has the special resources:VGPU=1, which is not wished",
        "are the nearest; lower vcpus, memory or disk, widen `flavor`, or ask the cloud for "
        "a flavor or a larger quota",
    ]


TINY = next(each for each in CATALOGUE if each.name == "s1.tiny")
DEDICATED = next(each for each in CATALOGUE if each.name == "p1.tiny")


@pytest.mark.parametrize(
    ("flavor", "said"),
    [
        ({"include": ["z*", "y*"]}, "s1.tiny is not among z*, y*"),
        (
            {"extraSpecs": {"hw:cpu_policy": "mixed"}},
            "p1.tiny has the extra spec hw:cpu_policy=dedicated, wished is mixed",
        ),
        ({"extraSpecs": {"a:b": "1"}}, "s1.tiny lacks the extra spec a:b=1"),
    ],
)
def test_a_wish_that_nothing_meets(flavor: object, said: str) -> None:
    assert said in refused(NEED, flavor, there=look(TINY, DEDICATED))


def test_a_cloud_that_shows_no_flavor() -> None:
    there = replace(LOOK, flavors=[])
    assert refused(there=there) == (
        "flakeship:servers: web: the cloud shows the project demo no flavor at all: ask for one"
    )


# One of our own


def test_a_flavor_of_our_own_fits_exactly() -> None:
    wanted = Need(3, 1500, 2049, "x86_64")
    wish = {"create": True, "extraSpecs": {"hw:cpu_policy": "dedicated"}}
    found = chosen(wanted, wish, there=ADMIN)
    assert found.flavor == Flavor(
        id="",
        name=found.flavor.name,
        vcpus=3,
        memory=1500,
        disk=3072,
        extra_specs={"hw:cpu_policy": "dedicated", OURS: "prod"},
    )
    assert found.flavor.name.startswith("prod-3c-1500m-3g-")
    assert chosen().flavor.id


def test_its_name_says_what_it_is() -> None:
    def name(wanted: Need = NEED, there: Inventory = ADMIN, **wish: object) -> str:
        return chosen(wanted, {"create": True, **wish}, there=there).flavor.name

    other = replace(ADMIN, project="another")
    names = {name(), name(replace(NEED, vcpus=2)), name(there=other), name(extraSpecs={"a:b": "1"})}
    assert len(names) == 4
    assert name() == name()


def test_no_root_disk_for_a_volume() -> None:
    assert chosen(flavor={"create": True}, there=ADMIN, volume=True).flavor.disk == 0


def test_what_a_flavor_of_our_own_needs() -> None:
    create = {"create": True}
    assert refused(flavor=create) == (
        "flakeship:servers: web: flavor.create needs the role admin, and in demo you have "
        "member, reader: choose among the flavors there are, or ask for one"
    )
    full = replace(ADMIN, left={"cores": 0})
    assert "fits exactly needs 1 core, and the quota has 0 left" in refused(
        flavor=create, there=full
    )
    name = chosen(flavor=create, there=ADMIN).flavor.name
    assert chosen(flavor=create, there=full, before=name).flavor.name == name
    assert "a:b needs a value" in refused(
        flavor={"create": True, "extraSpecs": {"a:b": "*"}}, there=ADMIN
    )


# Whatever is asked for

VOLUMES = (False, True)
SHAPES = list(
    itertools.product((1, 2, 5, 8), (256, 700, 4096, 20000), (1024, 3000, 30720), VOLUMES)
)
WISHES: list[dict[str, Any]] = [
    {},
    {"exclude": ["s1.*", "c1.*"]},
    {"include": ["?1.small", "r1.*"]},
    {"extraSpecs": {"hw:cpu_policy": "*"}},
]
PRICES: list[dict[str, float]] = [
    {},
    {each.name: 1000.0 / each.memory for each in CATALOGUE if each.vcpus > 1},
]


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("prices", PRICES)
def test_the_chosen_one_fits_and_none_that_fits_is_smaller(
    wish: dict[str, Any], prices: dict[str, float]
) -> None:
    backwards = replace(LOOK, flavors=CATALOGUE[::-1])
    for vcpus, memory, disk, volume in SHAPES:
        wanted, single = Need(vcpus, memory, disk, "x86_64"), server(wish, volume=volume)
        fitting = [each for each in CATALOGUE if not lacks(each, single, wanted, LOOK)]
        if not fitting:
            assert "are the nearest" in refused(wanted, wish, volume=volume)
            continue
        found = choose(single, wanted, LOOK, prices).flavor
        assert found in fitting
        assert found.vcpus >= vcpus
        assert found.memory >= memory
        assert volume or found.disk >= disk
        assert not [each for each in fitting if size(each, prices) < size(found, prices)]
        assert choose(single, wanted, backwards, prices).flavor == found
        for before in fitting:
            assert choose(single, wanted, LOOK, prices, before=before.name).flavor == before
