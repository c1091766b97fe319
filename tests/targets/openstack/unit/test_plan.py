"""What a stack on a cloud becomes, over several runs: settings and a look in, a survey out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.ports import Port
from flakeship.targets.openstack.inventory import Network
from flakeship.targets.openstack.machine import Rule
from tests.targets.openstack.unit.cloud_world import (
    ADDRESS,
    KEYS,
    PROVIDER,
    PUBLIC,
    WEB,
    World,
    ids,
    settings,
)
from tests.targets.openstack.unit.test_flavors import LOOK, flavor
from tests.unit.model.test_ledger import release


def test_the_first_run_makes_a_machine_with_the_smallest_flavor() -> None:
    made = World().plan(settings(WEB, {"name": "db", "count": 2}), release(1))
    assert ids(made.plan.active) == ["web-11111111", "db-1-11111111", "db-2-11111111"]
    assert [each.flavor.name for each in made.plan.active] == ["s1.tiny", "s1.duo", "s1.duo"]
    assert made.plan.older == []
    assert (made.scene.places.network, made.scene.places.external, made.scene.places.pool) == (
        "",
        "net-public",
        "net-public",
    )
    assert made.counts == {"web-11111111": 1}
    assert made.max_image_disk == {}
    assert made.warnings == []
    assert made.facts[0] == (
        f"web: {made.plan.active[0].id} gets s1.tiny (1 vCPUs, 512 MiB of memory, 2048 MiB of root "
        "disk)"
    )


def test_a_second_run_changes_nothing() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1))
    again = world.plan(given, release(1, revision="another-commit"))
    assert again.plan == first.plan
    assert again.counts == first.counts
    assert again.facts == again.warnings == []


def test_a_new_release_stands_beside_the_old_one_for_the_window() -> None:
    world = World()
    given = settings(WEB, standbyReleases=1, retainReleases=3)
    for digit in (1, 2, 3):
        made = world.up(given, release(digit))
    assert ids(made.plan.active) == ["web-33333333"]
    assert ids(made.plan.older) == ["web-22222222"]
    assert [record.name[-1] for record in world.ledger] == ["3", "2", "1"]
    assert made.warnings == [
        f"web: {made.plan.active[0].id} starts on a new root disk; nothing is taken over from "
        f"that of {made.plan.older[0].id}",
        f"web: {ADDRESS} moves from {made.plan.older[0].id} to {made.plan.active[0].id}",
    ]


def test_the_way_back_boots_nothing_and_the_way_forward_neither() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).plan.active[0]
    second = world.up(given, release(2)).plan.active[0]
    back = world.up(given, release(1), chosen=("web",))
    assert back.plan.active == [first]
    assert back.plan.older == [second]
    forward = world.plan(given, release(2))
    assert forward.plan.active == [second]
    assert forward.plan.older == [first]


def test_no_window_keeps_no_older_machine() -> None:
    world = World()
    given = settings(WEB, standbyReleases=0)
    world.up(given, release(1))
    assert world.up(given, release(2)).plan.older == []


def test_an_older_machine_is_declared_as_it_was_made() -> None:
    """Whatever the settings say now: another check or port is no change of what still runs."""
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    changed = settings({**WEB, "ports": [80, 443], "metadata": {"team": "blue"}})
    made = world.up(changed, release(2))
    assert made.plan.older == [first]
    assert made.plan.active[0].security_group != first.security_group


@pytest.mark.parametrize(
    "change",
    [
        {"flavor": "s1.small"},
        {"userData": "#cloud-config\n"},
        {"keypair": "other"},
        {"ports": [80, 443]},
    ],
)
def test_what_nova_would_rebuild_for_is_another_machine(change: dict[str, Any]) -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    made = world.plan(settings({**WEB, **change}), release(1))
    assert made.plan.active[0].id != first.id
    assert made.plan.older == [first]


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"a": "b"}},
        {"ports": [{"port": 80, "allowFrom": ["192.0.2.0/24"]}]},
        {"checks": [{"name": "a", "run": "true"}]},
    ],
)
def test_what_changes_in_place_is_the_same_machine(change: dict[str, Any]) -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    assert world.plan(settings({**WEB, **change}), release(1)).plan.active[0].id == first.id


def test_a_role_that_may_only_look_is_told_so() -> None:
    world = World()
    world.look = replace(world.look, roles=["reader"])
    with pytest.raises(FlakeshipError, match="only the role reader"):
        world.plan(settings(WEB), release(1))


def test_the_quota_is_asked_for_what_is_new_at_its_peak() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    world.look = replace(world.look, left={"instances": 0, "floatingips": 1})
    world.plan(given, release(1))
    with pytest.raises(FlakeshipError, match="instances: 1 needed, 0 left"):
        world.plan(given, release(2))
    world.look = replace(world.look, left={"floatingips": 0})
    with pytest.raises(FlakeshipError, match="floatingips: 1 needed, 0 left"):
        world.plan(given, release(2))
    world.plan(settings(WEB, openstack={"access": "direct"}), release(2))


def test_the_active_server_is_the_way_to_its_successor_and_stays_so() -> None:
    world = World()
    given = settings(WEB, openstack={"access": "bastion"})
    first = world.up(given, release(1)).plan.active[0]
    assert first.jump is None
    second = world.up(given, release(2)).plan.active[0]
    assert second.jump
    assert (second.jump.name, second.jump.address) == (first.id, "203.0.113.7")
    assert second.jump.host_keys == KEYS
    # the active one is another now, and what was verified stays verified
    assert world.plan(given, release(2)).plan.active == [second]
    less = settings({**WEB, "memory": 256}, openstack={"access": "bastion"})
    assert world.plan(less, release(2)).plan.active[0].jump == second.jump
    # new checks have to find a way that is there
    more = settings(
        {**WEB, "checks": [{"name": "a", "run": "true"}]}, openstack={"access": "bastion"}
    )
    again = world.plan(more, release(2)).plan.active[0].jump
    assert again
    assert again.name == second.id


def test_several_hosts_in_one_stack() -> None:
    other = replace(release(5), host="db")
    given = settings(WEB, {"name": "pg", "host": "db"})
    world = World()
    made = world.up(given, release(1), other)
    assert ids(made.plan.active) == ["web-11111111", "pg-55555555"]
    made = world.up(given, release(2), other)
    assert ids(made.plan.active) == ["web-22222222", "pg-55555555"]
    assert ids(made.plan.older) == ["web-11111111"]


def test_a_stack_without_servers_has_a_test_server() -> None:
    world = World()
    made = world.up(settings(), release(1))
    (planned,) = made.plan.active
    assert (planned.server.name, planned.server.options.address) == ("test", "none")
    assert planned.flavor.name == "s1.nano"
    assert not made.ephemeral
    assert world.up(settings(), release(2)).plan.older == []
    assert world.plan(settings(openstack={"testServer": {"ephemeral": True}}), release(2)).ephemeral


def test_a_roll_back_goes_to_the_flavor_that_still_runs() -> None:
    world = World()
    first = world.up(settings({**WEB, "flavor": "s1.small"}), release(1)).plan.active[0]
    world.up(settings({**WEB, "flavor": "s1.plus"}), release(2))
    assert world.plan(settings(WEB), release(1), chosen=("web",)).plan.active[0].id == first.id


def test_an_image_of_unknown_size_is_checked_when_it_is_built() -> None:
    unknown = replace(release(1), disk="auto")
    made = World().plan(settings(WEB), unknown)
    assert made.max_image_disk == {"web-11111111": 2048}
    assert "is known once it is built" in made.warnings[0]


def test_a_volume_is_as_large_as_the_release_needs() -> None:
    planned = World().plan(settings({**WEB, "volume": True, "disk": 1}), release(1)).plan.active[0]
    assert planned.disk == release(1).disk


def test_user_data_may_be_a_file(tmp_path: Any) -> None:
    file = tmp_path / "user-data"
    file.write_text("#cloud-config\n")
    made = World().plan(settings({**WEB, "userData": str(file)}), release(1))
    assert made.plan.active[0].server.options.user_data == "#cloud-config\n"
    with pytest.raises(SettingError, match="userData: there is no file"):
        World().plan(settings({**WEB, "userData": "./gone"}), release(1))


def test_marks_cannot_be_replaced_by_metadata() -> None:
    given = settings({**WEB, "metadata": {"flakeship_stack": "prod", "team": "blue"}})
    planned = World().plan(given, release(1)).plan.active[0]
    assert planned.metadata == {
        "flakeship_stack": "dev",
        "flakeship_name": "web",
        "flakeship_release": "web-11111111",
        "team": "blue",
    }


def test_a_security_group_has_the_declared_ports_from_their_sources() -> None:
    port = {"port": 443, "allowFrom": ["192.0.2.0/24"]}
    planned = World().plan(settings({**WEB, "ports": [port]}), release(1)).plan.active[0]
    assert [(r.port, r.source, r.ethertype) for r in planned.rules] == [
        (22, "0.0.0.0/0", "IPv4"),
        (22, "::/0", "IPv6"),
        (443, "192.0.2.0/24", "IPv4"),
    ]


def test_a_udp_port_is_another_rule_group_and_machine() -> None:
    udp = {"port": 443, "protocol": "udp", "allowFrom": ["192.0.2.0/24"]}
    both, tcp = (
        World().plan(settings({**WEB, "ports": ports}), release(1)).plan.active[0]
        for ports in ([443, udp], [443])
    )
    assert {*both.rules} - {*tcp.rules} == {Rule(443, "192.0.2.0/24", "udp")}
    assert both.security_group != tcp.security_group
    assert both.shape != tcp.shape
    review = both.review("server", "port", "image", "")
    assert review.restricted == []
    assert review.verify.ports[-1] == Port(port=443, protocol="udp")


@pytest.mark.parametrize(
    ("wish", "networks", "said"),
    [
        ({"network": "prvider"}, [PUBLIC, PROVIDER], "sees no network prvider; nearest: provider"),
        (
            {"network": "provider"},
            [PUBLIC, PROVIDER, Network("other", "provider")],
            "2 networks are called provider: give the id of one of them: net-provider, other",
        ),
        ({}, [PROVIDER], "sees no external network"),
        (
            {},
            [PUBLIC, Network("x", "internet", external=True)],
            "is needed, because there are 2 external networks: internet, public",
        ),
        ({"pool": "provider"}, [PUBLIC, PROVIDER], "provider is not external"),
    ],
)
def test_networks_that_are_not_what_they_should_be(
    wish: dict[str, Any], networks: list[Network], said: str
) -> None:
    world = World(look=replace(LOOK, networks=networks))
    with pytest.raises(SettingError, match=said):
        world.plan(settings(WEB, openstack=wish), release(1))


def test_an_existing_network_is_used_as_it_is() -> None:
    given = settings(
        {**WEB, "address": "none"}, openstack={"network": "provider", "access": "direct"}
    )
    made = World(look=replace(LOOK, networks=[PROVIDER])).plan(given, release(1))
    assert (made.scene.places.network, made.scene.places.external, made.scene.places.pool) == (
        "net-provider",
        "",
        "",
    )


def test_a_look_without_a_fitting_flavor_names_the_server() -> None:
    world = World(look=replace(LOOK, networks=[PUBLIC], flavors=[flavor("tiny", memory=128)]))
    with pytest.raises(SettingError, match="web: none of the 1 flavors"):
        world.plan(settings(WEB), release(1))


def test_a_volume_of_unknown_size_keeps_the_size_it_got() -> None:
    world = World()
    unknown = replace(release(1), disk="auto")
    given = settings({**WEB, "volume": True, "disk": 100})
    first = world.up(given, unknown).plan.active[0]
    assert world.ledger[0].artifact.disk != first.disk
    assert world.plan(given, unknown).plan.active == [first]


def test_an_ephemeral_test_server_is_the_same_in_every_run() -> None:
    world = World()
    given = settings(openstack={"testServer": {"ephemeral": True}})
    first = world.up(given, release(1)).plan.active
    world.look = replace(world.look, servers=[], left={"instances": 0})
    assert world.plan(given, release(1)).plan.active == first
