"""What was changed by hand is seen without a refresh, named, and put right or made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flakeship.state.resources import VERIFICATION
from flakeship.targets.openstack.drift import neutron_rules
from flakeship.targets.openstack.inventory import Server
from flakeship.targets.openstack.plan import StackPlan
from flakeship.targets.openstack.resources import ADDRESS, CUTOVER
from tests.targets.openstack.unit.world import WEB, World, settings
from tests.unit.model.test_ledger import release

GIVEN = settings(WEB)


@pytest.fixture
def world() -> World:
    """A stack with a server whose group has the rules that were declared."""
    made = World()
    plan = made.up(GIVEN, release(1))
    machine = plan.machines.active[0]
    made.change(groups={machine.security_group: neutron_rules(machine)})
    return made


def plan(world: World) -> StackPlan:
    return world.plan(GIVEN, release(1))


def change(world: World, **parts: Any) -> None:
    """Let the only server of the cloud be another."""
    (server,) = world.inventory.servers
    world.change(servers=[replace(server, marked=server.machine, **parts)])


def test_nothing_has_changed(world: World) -> None:
    assert (plan(world).warnings, plan(world).repairs) == ([], {})


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "PAUSED"])
@pytest.mark.parametrize("addresses", [frozenset(), frozenset({"10.20.0.77"})])
def test_a_server_without_its_port_gets_a_successor_beside_it(
    world: World, status: str, addresses: frozenset[str]
) -> None:
    """In place Pulumi would delete it, and its disk, before another one is verified."""
    (before,) = plan(world).machines.active
    change(world, addresses=addresses, status=status)
    after = plan(world)
    (active,) = after.machines.active
    assert active.id != before.id
    assert active.incarnation == before.incarnation + 1
    assert after.context.standing == set()
    assert any("without its port" in each and before.id in each for each in after.warnings)
    assert after.repairs == {}


def test_a_server_that_is_gone_gets_a_successor(world: World) -> None:
    (before,) = plan(world).machines.active
    world.change(servers=[])
    assert plan(world).machines.active[0].id != before.id


def test_a_renamed_server_is_still_the_machine(world: World) -> None:
    (before,) = plan(world).machines.active
    change(world, name="somebody-s-idea")
    after = plan(world)
    assert [each.id for each in after.machines.active] == [before.id]
    assert after.context.standing == {before.id}
    (notice,) = [each for each in after.warnings if "renamed" in each]
    assert "somebody-s-idea" in notice
    assert f"openstack server set --name {before.id}" in notice
    # of another stack's server the name alone says nothing
    world.change(servers=[Server("x", before.id, "ACTIVE", stack="other")])
    assert plan(world).context.standing == set()


def test_an_orphan_of_the_same_name_is_not_the_machine(world: World) -> None:
    (before,) = plan(world).machines.active
    change(world, status="ERROR", addresses=frozenset())
    assert plan(world).machines.active[0].id != before.id


LESS: list[Callable[[frozenset[Any]], frozenset[Any]]] = [
    lambda rules: frozenset(r for r in rules if r[0] != "egress"),
    lambda rules: frozenset(r for r in rules if r[1] != "IPv6"),
    lambda rules: frozenset(r for r in rules if r[3] != 80),
    lambda rules: rules | {("ingress", "IPv4", "tcp", 3306, 3306, "0.0.0.0/0")},
    lambda rules: rules | {("ingress", "IPv4", "", 0, 0, "group x")},
    lambda _: frozenset(),
]


@pytest.mark.parametrize("by_hand", LESS)
def test_a_group_with_other_rules_is_made_anew(
    world: World, by_hand: Callable[[frozenset[Any]], frozenset[Any]]
) -> None:
    (machine,) = plan(world).machines.active
    world.change(groups={machine.security_group: by_hand(neutron_rules(machine))})
    after = plan(world)
    assert after.repairs == {machine.security_group: 1}
    (notice,) = [each for each in after.warnings if machine.security_group in each]
    assert "this run replaces it" in notice
    assert [each.id for each in after.machines.active] == [machine.id]
    # the number stays, and grows with the next change
    world.before["openstack"]["repairs"] = dict(after.repairs)
    assert plan(world).repairs == {machine.security_group: 2}
    world.change(groups={machine.security_group: neutron_rules(machine)})
    assert plan(world).repairs == {machine.security_group: 1}


def test_a_range_of_ports_is_no_change() -> None:
    """As Neutron lists it: its first and its last port."""
    given, made = settings({**WEB, "ports": ["30000-32767"]}), World()
    (machine,) = made.up(given, release(1)).machines.active
    entering = {
        ("ingress", kind, "tcp", first, last, source)
        for kind, source in (("IPv4", "0.0.0.0/0"), ("IPv6", "::/0"))
        for first, last in ((22, 22), (30000, 32767))
    }
    own = {each for each in neutron_rules(machine) if each[0] == "egress"}
    made.change(groups={machine.security_group: frozenset(own | entering)})
    assert made.plan(given, release(1)).repairs == {}


def test_a_group_of_a_new_machine_is_not_missed(world: World) -> None:
    other = settings({**WEB, "ports": [443]})
    assert world.plan(other, release(1)).repairs == {}


def test_where_groups_are_not_known_none_is_missed(world: World) -> None:
    world.change(groups=None)
    assert plan(world).repairs == {}


@pytest.mark.parametrize(("port", "word"), [("", "nowhere"), ("other", "to the port other")])
def test_an_address_that_leads_elsewhere_is_moved_back(world: World, port: str, word: str) -> None:
    (address,) = world.inventory.addresses
    world.change(addresses=[replace(address, port=port)])
    after = plan(world)
    assert after.repairs == {CUTOVER.name("web"): 1}
    (notice,) = after.warnings
    assert word in notice
    assert "refresh" not in notice


def test_an_address_that_is_gone_is_replaced(world: World) -> None:
    world.change(addresses=[])
    assert plan(world).repairs == {ADDRESS.name("web"): 1}


def test_an_address_of_a_lost_machine_moves_anyway(world: World) -> None:
    (address,) = world.inventory.addresses
    world.change(addresses=[replace(address, port="")])
    change(world, addresses=frozenset())
    after = plan(world)
    assert after.repairs == {}
    assert not [each for each in after.warnings if "nowhere" in each]


@pytest.mark.parametrize(
    ("status", "starts"),
    [("SHUTOFF", True), ("PAUSED", True), ("SUSPENDED", True), ("RESCUE", False)],
)
def test_a_stopped_server_is_started_and_verified_again(
    world: World, status: str, *, starts: bool
) -> None:
    (machine,) = plan(world).machines.active
    change(world, status=status)
    after = plan(world)
    assert after.repairs == {VERIFICATION.key(machine.id): 1}
    (notice,) = after.warnings
    assert status in notice
    assert ("This run starts it and verifies it again" in notice) == starts
    assert "erifies it again" in notice


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"visibility": "public"}, "glance-web-11111111"),
        ({"hidden": True}, "image-visibility"),
        ({"visibility": "private", "hidden": False}, ""),
        ({"visibility": "public", "status": "deactivated"}, ""),
    ],
)
def test_an_image_that_others_show_or_hide(world: World, change: dict[str, Any], name: str) -> None:
    (image,) = world.inventory.images
    world.change(images=[replace(image, **change)])
    after = plan(world)
    assert after.repairs == ({name: 1} if name else {})
    assert len(after.warnings) == bool(name)


@pytest.mark.parametrize(
    "addresses", [None, frozenset({"10.20.0.5"}), frozenset({"10.20.0.5", "x"})]
)
def test_a_server_with_its_port_stays(world: World, addresses: frozenset[str] | None) -> None:
    change(world, addresses=addresses)
    assert (plan(world).warnings, plan(world).repairs) == ([], {})
