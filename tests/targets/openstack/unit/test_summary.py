"""What a preview says of a stack on a cloud, run by run, as files (golden/)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.rollout.changes import ServerChange
from flakeship.targets.openstack.inventory import Address
from flakeship.targets.openstack.settings import CloudSettings
from tests import golden
from tests.targets.openstack.unit.world import PROVIDER, PUBLIC, WEB, World, settings
from tests.unit.model.test_ledger import release

GOLDEN = Path(__file__).parent / "golden"
DB: dict[str, Any] = {"name": "db", "vcpus": 1, "address": "none", "volume": True, "disk": "10G"}


def given(*servers: dict[str, Any], **other: Any) -> CloudSettings:
    return settings(*(servers or (WEB, DB)), retainReleases=3, **other)


def deployed(*runs: int, servers: tuple[dict[str, Any], ...] = (WEB, DB)) -> World:
    world = World()
    for digit in runs:
        world.up(given(*servers), release(digit))
    return world


def test_the_first_run() -> None:
    golden.compare(GOLDEN / "first-up.txt", World().plan(given(), release(1)).summary)


def test_nothing_to_do() -> None:
    golden.compare(GOLDEN / "no-op.txt", deployed(1, 2).plan(given(), release(2)).summary)


def test_a_new_release_beside_two_that_run() -> None:
    golden.compare(GOLDEN / "new-release.txt", deployed(1, 2).plan(given(), release(3)).summary)


def test_a_rollback_to_a_machine_that_runs() -> None:
    plan = deployed(1, 2).plan(given(), release(1), pinned=("web",))
    golden.compare(GOLDEN / "rollback.txt", plan.summary)


def test_a_rollback_to_a_release_that_is_booted_again() -> None:
    plan = deployed(1, 2, 3).plan(given(), release(1), pinned=("web",))
    golden.compare(GOLDEN / "rollback-anew.txt", plan.summary)


def test_a_larger_flavor() -> None:
    larger = given({**WEB, "memory": "2G", "ports": [80, 443]}, DB)
    golden.compare(GOLDEN / "resize.txt", deployed(1).plan(larger, release(1)).summary)


def test_a_server_that_leaves() -> None:
    golden.compare(GOLDEN / "removed-server.txt", deployed(1).plan(given(DB), release(1)).summary)


def test_many_servers() -> None:
    many = {**WEB, "count": 16}
    world = deployed(1, servers=(many, DB))
    golden.compare(GOLDEN / "many-servers.txt", world.plan(given(many, DB), release(2)).summary)


def test_what_changes_in_place() -> None:
    changed = {**WEB, "ports": [{"port": 80, "allowFrom": ["192.0.2.0/24"]}]}
    changed |= {"metadata": {"team": "blue"}, "checks": [{"name": "a", "run": "true"}]}
    plan = deployed(1).plan(given(changed, DB), release(1))
    golden.compare(GOLDEN / "in-place.txt", plan.summary)


def test_a_lost_machine() -> None:
    world = deployed(1)
    world.change(servers=[each for each in world.inventory.servers if "web" not in each.name])
    golden.compare(GOLDEN / "lost-machine.txt", world.plan(given(), release(1)).summary)


def test_a_stack_that_is_a_test_of_its_image() -> None:
    ephemeral = settings(openstack={"testServer": {"ephemeral": True}})
    world = World()
    golden.compare(GOLDEN / "test-server.txt", world.up(ephemeral, release(1)).summary)
    assert not world.plan(ephemeral, release(1)).summary.planned


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"userData": "#cloud-config"}, "other user data"),
        ({"keypair": "mine"}, "another key pair"),
        ({"ports": [443]}, "open ports: 22, 443 from anywhere"),
        ({"flavor": "s1.small"}, "flavor s1.tiny -> s1.small"),
        ({"volume": True}, "root disk on a volume"),
        ({"openstack": {"network": "provider"}}, "another network"),
        ({"openstack": {"placement": "anti-affinity"}}, "another placement"),
    ],
)
def test_why_a_machine_of_the_same_release_is_another_one(
    change: dict[str, Any], reason: str
) -> None:
    stack = {"openstack": change.pop("openstack")} if "openstack" in change else {}
    plan = deployed(1, servers=(WEB,)).plan(given(WEB | change, **stack), release(1))
    (found,) = plan.summary.servers
    assert reason in found.reasons
    assert found.machine != found.before


def test_addresses_that_come_and_go() -> None:
    world = deployed(1)
    theirs = "203.0.113.99"
    world.change(addresses=[*world.inventory.addresses, Address(theirs)])
    swapped = given({**WEB, "address": "none"}, {**DB, "address": theirs})
    web, db = world.plan(swapped, release(1)).summary.servers
    assert (web.machine, web.in_place) == (web.before, ("no floating IP any more",))
    assert [thing.one.partition(" (")[0] for thing in db.gets] == [f"the floating IP {theirs}"]
    assert db.changes


def test_another_network_takes_no_standby_along() -> None:
    world = deployed(1, servers=(WEB,))
    world.change(networks=[PUBLIC, PROVIDER, replace(PROVIDER, id="two", name="two")])
    plan = world.plan(given(WEB, openstack={"network": "two"}), release(1))
    (change,) = plan.summary.servers
    assert (change.standby, change.gone) == ((), (change.before,))


def with_status(world: World, server: str, status: str) -> None:
    """Give the servers of Nova that are of one of the settings' a status."""
    servers = world.inventory.servers
    world.change(
        servers=[replace(s, status=status) if s.name.startswith(server) else s for s in servers]
    )


def only(world: World, *servers: dict[str, Any], digit: int = 1) -> ServerChange:
    """The change of the one server that has any."""
    plan = world.plan(given(*servers), release(digit), pinned=("web",))
    (change,) = (each for each in plan.summary.servers if each.changes)
    return change


def test_a_machine_in_error_is_deleted_and_said_to_be() -> None:
    world = deployed(1)
    with_status(world, "web", "ERROR")
    change = only(world, WEB, DB)
    assert (change.lost, change.gone) == (True, (change.before,))
    assert not any("cutting" in thing.one for thing in change.takes)
    removed = only(world, DB)
    assert (removed.server, removed.gone) == ("web", (change.before,))


def test_a_standby_that_does_not_run_is_none() -> None:
    world = deployed(1, servers=(WEB,))
    with_status(world, "web", "SHUTOFF")
    change = only(world, WEB, digit=2)
    assert (change.standby, change.stopped) == ((), (change.before,))
    assert not any("cutting" in thing.one for thing in change.takes)


def test_a_standby_whose_checks_have_changed_is_verified_again() -> None:
    world = deployed(1, 2, servers=(WEB,))
    assert only(world, WEB).origin == "verified"
    assert only(world, WEB | {"checks": [{"name": "a", "run": "true"}]}).origin == "changed"


@pytest.mark.parametrize("digit", [1, 2])
@pytest.mark.parametrize("address", ["none", "203.0.113.99"])
def test_a_floating_ip_that_is_released_is_named(address: str, digit: int) -> None:
    world = deployed(1, servers=(WEB,))
    world.change(addresses=[*world.inventory.addresses, Address("203.0.113.99")])
    had = world.plan(given(WEB), release(1)).summary.servers[0].takes[0].one
    (released,) = only(world, WEB | {"address": address}, digit=digit).released
    assert released.one == had.partition(",")[0]


@pytest.mark.parametrize("digit", [1, 2])
def test_who_may_reach_a_server_is_told_wherever_that_changes(digit: int) -> None:
    world = deployed(1, servers=(WEB | {"ports": [{"port": 80, "allowFrom": ["192.0.2.0/24"]}]},))
    change = only(world, WEB | {"ports": [80]}, digit=digit)
    assert "open ports: 22, 80 from anywhere" in (change.in_place or change.reasons)


def test_a_network_without_port_security_closes_nothing() -> None:
    world = World()
    world.change(networks=[PUBLIC, replace(PROVIDER, port_security=False)])
    plan = world.plan(given(WEB, openstack={"network": "provider"}), release(1))
    (change,) = plan.summary.servers
    assert "open ports: all" in change.gets[0].one
