"""A run that the quota would stop half-way is refused before it creates anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.preflight import REMEDIES, check_needs, needs
from flakeship.targets.openstack.settings import NetworkSettings
from tests.targets.openstack.unit.flavors import INVENTORY, flavor
from tests.targets.openstack.unit.world import WEB, World, settings
from tests.unit.model.test_ledger import release

SMALL, LARGE = flavor("small", 1, 512), flavor("large", 4, 8192)


def refused(needed: dict[str, int], left: dict[str, int]) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        check_needs(needed, replace(INVENTORY, left=left))
    assert (caught.value.code, caught.value.key) == ("quota-exceeded", "project demo")
    return caught.value


def test_nothing_new_needs_nothing() -> None:
    assert needs([]) == {}
    check_needs({}, replace(INVENTORY, left=dict.fromkeys(REMEDIES, 0)))


def test_every_new_server_counts() -> None:
    assert needs([SMALL, LARGE, LARGE]) == {
        "instances": 3,
        "cores": 9,
        "ram": 16896,
        "ports": 3,
    }


def test_addresses_that_stay_and_those_that_the_checks_borrow() -> None:
    assert needs([], addresses=2, temporary=1) == {"floatingips": 3}


def test_a_group_comes_with_two_rules_of_its_own() -> None:
    assert needs([], groups={"prod-1": 4, "prod-2": 0}, server_groups=1) == {
        "security_groups": 2,
        "security_group_rules": 8,
        "server_groups": 1,
    }


def test_root_disks_that_are_volumes_count_in_cinder() -> None:
    assert needs([], volumes=[4, 10]) == {
        "volumes": 2,
        "gigabytes": 14,
        "per_volume_gigabytes": 10,
    }


@pytest.mark.parametrize("short", ["volumes", "gigabytes", "per_volume_gigabytes"])
def test_a_volume_beyond_cinders_quota_is_refused_in_the_plan(short: str) -> None:
    world = World()
    given = settings({**WEB, "volume": True, "disk": 20480})
    plenty = {"volumes": 1, "gigabytes": 20, "per_volume_gigabytes": 20}
    world.change(left=plenty)
    world.plan(given, release(1))
    world.change(left=plenty | {short: 0})
    with pytest.raises(FlakeshipError) as caught:
        world.plan(given, release(1))
    assert (caught.value.code, caught.value.remedy.split(",")[0]) == (
        "quota-exceeded",
        "leave out volume: true",
    )
    assert [line.split(":")[0].strip() for line in caught.value.details] == [short]
    world.plan(settings(WEB), release(1))  # the flavor's own disk needs no volume


@pytest.mark.parametrize(("ipv6", "subnets"), [("", 1), ("fd00::/64", 2)])
def test_a_network_of_the_stack_s_own(ipv6: str, subnets: int) -> None:
    wish = NetworkSettings.model_validate({"ipv6": ipv6} if ipv6 else {})
    assert needs([SMALL], network=wish) == {
        "instances": 1,
        "cores": 1,
        "ram": 512,
        "networks": 1,
        "subnets": subnets,
        "routers": 1,
        "ports": 1 + subnets + 1,
    }


@pytest.mark.parametrize("name", REMEDIES)
def test_each_resource_is_refused_alone_and_fits_when_it_is_just_enough(name: str) -> None:
    unit = {"ram": " MiB", "gigabytes": " GiB", "per_volume_gigabytes": " GiB"}.get(name, "")
    enough = dict.fromkeys(REMEDIES, 5)
    check_needs(enough, replace(INVENTORY, left=enough))
    error = refused(enough, enough | {name: 4})
    assert error.details == (f"  {name}: 5{unit} needed, 4 left",)
    assert error.remedy.startswith(f"{REMEDIES[name]}; or ask the cloud for a larger quota")


def test_a_resource_without_a_limit_is_never_short() -> None:
    check_needs({"cores": 10**6}, replace(INVENTORY, left={}))


def test_a_resource_of_another_name_is_told_too() -> None:
    assert refused({"trunks": 2}, {"trunks": 1}).details == ("  trunks: 2 needed, 1 left",)


def test_all_that_is_short_is_told_at_once() -> None:
    error = refused(
        needs([LARGE, LARGE], addresses=1),
        {"instances": 9, "ram": 8192, "cores": 4, "floatingips": 0},
    )
    assert error.details == (
        "  cores: 8 needed, 4 left",
        "  ram: 16384 MiB needed, 8192 left",
        "  floatingips: 1 needed, 0 left",
    )
    assert error.remedy.count(REMEDIES["cores"]) == 1
    assert REMEDIES["floatingips"] in error.remedy
