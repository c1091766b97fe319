"""A server gets the smallest flavor that fits, and keeps it as long as it does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from flakeship.targets.openstack.flavors.choice import choose, size
from flakeship.targets.openstack.flavors.fit import Need, lacks
from tests.targets.openstack.unit.flavors import (
    ADMIN,
    CATALOGUE,
    INVENTORY,
    NEED,
    chosen,
    flavor,
    having,
    refused,
    server,
)


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
    found = chosen(wanted, flavor, **given)
    assert (found.flavor.name, found.notices) == (name, [])


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


def test_a_flavor_that_fits_is_kept_and_a_smaller_one_is_told() -> None:
    kept = chosen(before="m1.small")
    assert kept.flavor.name == "m1.small"
    assert kept.notices == [
        "web keeps m1.small; s1.tiny fits too and is smaller: `openstack: {flavor: s1.tiny}` moves "
        "it there"
    ]
    assert chosen(before="s1.tiny").notices == []
    cheap = chosen(before="s1.tiny", prices={"m1.small": 1.0})
    assert (cheap.flavor.name, "m1.small fits too and is cheaper" in cheap.notices[0]) == (
        "s1.tiny",
        True,
    )


def test_another_of_the_same_size_is_nothing_to_tell() -> None:
    there = having(flavor("a"), flavor("b"))
    found = chosen(before="b", inventory=there)
    assert (found.flavor, found.notices) == (flavor("b"), [])


def test_a_full_quota_takes_nothing_from_a_server_that_runs() -> None:
    full = having(instances=0, cores=0, ram=0)
    assert chosen(before="s1.tiny", inventory=full).flavor.name == "s1.tiny"
    assert chosen(flavor="s1.tiny", before="s1.tiny", inventory=full).flavor.name == "s1.tiny"
    assert "quota" in refused(flavor="s1.tiny", before="s1.nano", inventory=full).what


def test_a_flavor_that_no_longer_fits_is_left_with_the_reason() -> None:
    moved = chosen(replace(NEED, memory=600), before="s1.tiny")
    assert moved.flavor.name == "s1.plus"
    assert moved.notices == [
        "web moves to s1.plus with its next machine: s1.tiny lacks 88 MiB of memory"
    ]


def test_a_flavor_that_is_gone_is_told() -> None:
    moved = chosen(before="s0.tiny")
    assert moved.flavor.name == "s1.tiny"
    assert moved.notices == [
        "web moves to s1.tiny with its next machine: s0.tiny is gone from the cloud"
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "the smallest of"),
        ({"prices": {"m1.large": 3.0}}, "the cheapest of"),
        ({"before": "s1.tiny"}, "kept: "),
        ({"flavor": "s1.tiny"}, "named"),
        ({"flavor": {"create": True}, "inventory": ADMIN}, "created to fit 1 vCPU, 512 MiB"),
    ],
)
def test_a_choice_has_a_reason(given: dict[str, Any], reason: str) -> None:
    assert chosen(**given).reason.startswith(reason)


def test_a_choice_has_runners_up_in_their_order() -> None:
    found = chosen()
    order = sorted(CATALOGUE, key=lambda each: size(each, {}))
    fitting = [f.name for f in order if not lacks(f, server(), NEED, INVENTORY)]
    assert [found.flavor.name, *found.runners_up] == fitting[:4]
    kept = chosen(before="m1.small")
    assert kept.runners_up == fitting[:3]
    assert chosen(flavor={"create": True}, inventory=ADMIN).runners_up == ()


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
    backwards = replace(INVENTORY, flavors=CATALOGUE[::-1])
    for vcpus, memory, disk, volume in SHAPES:
        wanted, single = Need(vcpus, memory, disk, "x86_64"), server(wish, volume=volume)
        fitting = [each for each in CATALOGUE if not lacks(each, single, wanted, INVENTORY)]
        if not fitting:
            assert refused(wanted, wish, volume=volume).code == "flavor-none-fits"
            continue
        found = choose(single, wanted, INVENTORY, prices).flavor
        assert found in fitting
        assert found.vcpus >= vcpus
        assert found.memory >= memory
        assert volume or found.disk >= disk
        assert not [each for each in fitting if size(each, prices) < size(found, prices)]
        assert choose(single, wanted, backwards, prices).flavor == found
        for before in fitting:
            assert choose(single, wanted, INVENTORY, prices, before=before.name).flavor == before
