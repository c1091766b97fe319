"""The plan of a stack on a cloud, over several runs: settings and an inventory in, a plan out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.ports import Port
from flakeship.targets.openstack import user_data
from flakeship.targets.openstack.inventory import Network
from flakeship.targets.openstack.network.networks import Networks, Rule
from flakeship.targets.openstack.settings import CloudSettings
from flakeship.verify.request import Promises
from tests.targets.openstack.unit.flavors import INVENTORY, flavor
from tests.targets.openstack.unit.world import (
    KEYS,
    PROVIDER,
    PUBLIC,
    WEB,
    World,
    ids,
    settings,
)
from tests.unit.model.test_ledger import release


def test_the_first_run_makes_a_machine_with_the_smallest_flavor() -> None:
    made = World().plan(settings(WEB, {"name": "db", "count": 2}), release(1))
    assert ids(made.machines.active) == ["web-11111111", "db-1-11111111", "db-2-11111111"]
    assert [each.flavor.name for each in made.machines.active] == ["s1.tiny", "s1.duo", "s1.duo"]
    assert made.machines.standby == []
    assert made.context.networks == Networks("", "net-public", "net-public", "public")
    assert made.uploads.numbers == {"web-11111111": 1}
    assert made.max_image_disk == {}
    assert made.warnings == []
    assert made.facts == ["cloud of the environment: project demo (0badc0de)"]


def test_a_second_run_changes_nothing() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1))
    again = world.plan(given, release(1, revision="another-commit"))
    assert again.machines.deployed == first.machines.deployed
    assert again.uploads.numbers == first.uploads.numbers
    assert again.needs_files == set()
    assert again.warnings == []
    assert again.summary.planned == ""


def test_a_new_release_stands_beside_the_old_one() -> None:
    world = World()
    given = settings(WEB, standbyReleases=1, retainReleases=3)
    for digit in (1, 2, 3):
        made = world.up(given, release(digit))
    assert ids(made.machines.active) == ["web-33333333"]
    assert ids(made.machines.standby) == ["web-22222222"]
    assert [record.name[-1] for record in world.ledger] == ["3", "2", "1"]
    assert made.warnings == []  # the summary tells it


def test_the_way_back_boots_nothing_and_the_way_forward_neither() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).machines.active[0]
    second = world.up(given, release(2)).machines.active[0]
    back = world.up(given, release(1), pinned=("web",))
    assert back.machines.active == [first]
    assert back.machines.standby == [second]
    forward = world.plan(given, release(2))
    assert forward.machines.active == [second]
    assert forward.machines.standby == [first]


def test_no_window_keeps_no_older_machine() -> None:
    world = World()
    given = settings(WEB, standbyReleases=0)
    world.up(given, release(1))
    assert world.up(given, release(2)).machines.standby == []


def test_an_older_machine_is_declared_as_it_was_made() -> None:
    """Whatever the settings say now: another check or port is no change of what still runs."""
    world = World()
    first = world.up(settings(WEB), release(1)).machines.active[0]
    changed = settings({**WEB, "ports": [80, 443], "metadata": {"team": "blue"}})
    made = world.up(changed, release(2))
    assert made.machines.standby == [first]
    assert made.machines.active[0].security_group != first.security_group


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
    first = world.up(settings(WEB), release(1)).machines.active[0]
    made = world.plan(settings({**WEB, **change}), release(1))
    assert made.machines.active[0].id != first.id
    assert made.machines.standby == [first]


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
    first = world.up(settings(WEB), release(1)).machines.active[0]
    assert world.plan(settings({**WEB, **change}), release(1)).machines.active[0].id == first.id


def test_a_role_that_may_only_read_is_refused() -> None:
    world = World()
    world.change(roles=["reader"])
    with pytest.raises(FlakeshipError) as raised:
        world.plan(settings(WEB), release(1))
    assert (raised.value.code, raised.value.given) == ("role-missing", "reader")


def test_the_quota_is_asked_for_what_is_new_at_its_peak() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    world.change(left={"instances": 0, "floatingips": 1})
    world.plan(given, release(1))
    assert short(world, given, 2) == ("  instances: 1 needed, 0 left",)
    world.change(left={"floatingips": 0})
    assert short(world, given, 2) == ("  floatingips: 1 needed, 0 left",)
    world.plan(settings(WEB, openstack={"access": "direct"}), release(2))


def short(world: World, given: CloudSettings, digit: int) -> Sequence[str]:
    """What the quota lacks for a release."""
    with pytest.raises(FlakeshipError) as raised:
        world.plan(given, release(digit))
    assert raised.value.code == "quota-exceeded"
    return raised.value.details


def test_the_active_server_is_the_bastion_of_its_successor_and_stays_so() -> None:
    world = World()
    given = settings(WEB, openstack={"access": "bastion"})
    first = world.up(given, release(1)).machines.active[0]
    assert first.bastion is None
    second = world.up(given, release(2)).machines.active[0]
    assert second.bastion
    assert (second.bastion.name, second.bastion.address) == (first.id, "203.0.113.7")
    assert second.bastion.host_keys == KEYS
    # the active one is another now, and what was verified stays verified
    assert world.plan(given, release(2)).machines.active == [second]
    less = settings({**WEB, "memory": 256}, openstack={"access": "bastion"})
    assert world.plan(less, release(2)).machines.active[0].bastion == second.bastion
    # new checks need a bastion that exists
    more = settings(
        {**WEB, "checks": [{"name": "a", "run": "true"}]}, openstack={"access": "bastion"}
    )
    again = world.plan(more, release(2)).machines.active[0].bastion
    assert again
    assert again.name == second.id


def test_several_hosts_in_one_stack() -> None:
    other = replace(release(5), host="db")
    given = settings(WEB, {"name": "pg", "host": "db"})
    world = World()
    made = world.up(given, release(1), other)
    assert ids(made.machines.active) == ["web-11111111", "pg-55555555"]
    made = world.up(given, release(2), other)
    assert ids(made.machines.active) == ["web-22222222", "pg-55555555"]
    assert ids(made.machines.standby) == ["web-11111111"]


def test_a_stack_without_servers_has_a_test_server() -> None:
    world = World()
    made = world.up(settings(), release(1))
    (planned,) = made.machines.active
    assert (planned.server.name, planned.server.options.address) == ("test", "none")
    assert planned.flavor.name == "s1.nano"
    assert not made.context.ephemeral
    assert world.up(settings(), release(2)).machines.standby == []
    assert world.plan(
        settings(openstack={"testServer": {"ephemeral": True}}), release(2)
    ).context.ephemeral


def test_a_roll_back_goes_to_the_flavor_that_still_runs() -> None:
    world = World()
    first = world.up(settings({**WEB, "flavor": "s1.small"}), release(1)).machines.active[0]
    world.up(settings({**WEB, "flavor": "s1.plus"}), release(2))
    assert world.plan(settings(WEB), release(1), pinned=("web",)).machines.active[0].id == first.id


def test_an_image_of_unknown_size_is_checked_when_it_is_built() -> None:
    unknown = replace(release(1), disk="auto")
    made = World().plan(settings(WEB), unknown)
    assert made.max_image_disk == {"web-11111111": 2048}
    assert "is checked once it is built" in made.warnings[0]


def test_a_volume_is_as_large_as_the_release_needs() -> None:
    planned = (
        World().plan(settings({**WEB, "volume": True, "disk": 1}), release(1)).machines.active[0]
    )
    assert planned.disk == release(1).disk


def test_user_data_may_be_a_file() -> None:
    world = World()
    world.change(user_data={"./user-data": "#cloud-config\n"})
    made = world.plan(settings({**WEB, "userData": "./user-data"}), release(1))
    assert made.machines.active[0].server.options.user_data == "#cloud-config\n"


def test_the_file_of_user_data_is_read_by_the_inspection(tmp_path: Path) -> None:
    file = tmp_path / "user-data"
    file.write_text("#cloud-config\n")
    given = settings({**WEB, "userData": str(file)}, {"name": "db", "userData": "#cloud-config"})
    assert user_data.read(given) == {str(file): "#cloud-config\n"}
    with pytest.raises(SettingError) as raised:
        user_data.read(settings({**WEB, "userData": "./gone"}))
    assert (raised.value.code, raised.value.given) == ("file-missing", "./gone")
    assert raised.value.key == "flakeship:servers[web].openstack.userData"


def test_ownership_tags_cannot_be_replaced_by_metadata() -> None:
    given = settings({**WEB, "metadata": {"flakeship_stack": "prod", "team": "blue"}})
    planned = World().plan(given, release(1)).machines.active[0]
    assert planned.metadata == {
        "flakeship_stack": "dev",
        "flakeship_name": "web",
        "flakeship_release": "web-11111111",
        "flakeship_machine": planned.id,
        "team": "blue",
    }


def test_a_security_group_has_the_declared_ports_from_their_sources() -> None:
    port = {"port": 443, "allowFrom": ["192.0.2.0/24"]}
    planned = World().plan(settings({**WEB, "ports": [port]}), release(1)).machines.active[0]
    assert [(r.port, r.source, r.ethertype) for r in planned.rules] == [
        (22, "0.0.0.0/0", "IPv4"),
        (22, "::/0", "IPv6"),
        (443, "192.0.2.0/24", "IPv4"),
    ]


def test_a_udp_port_is_another_rule_group_and_machine() -> None:
    udp = {"port": 443, "protocol": "udp", "allowFrom": ["192.0.2.0/24"]}
    both, tcp = (
        World().plan(settings({**WEB, "ports": ports}), release(1)).machines.active[0]
        for ports in ([443, udp], [443])
    )
    assert {*both.rules} - {*tcp.rules} == {Rule(443, "192.0.2.0/24", "udp")}
    assert both.security_group != tcp.security_group
    assert both.shape != tcp.shape
    review = both.verification
    assert review.restricted == []
    assert review.verify.ports[-1] == Port(port=443, protocol="udp")


@pytest.mark.parametrize(
    ("rebuildable", "switchable"), [(True, True), (False, True), (True, False)]
)
def test_a_machine_is_asked_for_what_its_host_promises(rebuildable: bool, switchable: bool) -> None:
    world = World()
    made = replace(release(1), rebuildable=rebuildable, switchable=switchable)
    given = settings(WEB, standbyReleases=1)
    for each in (made, release(2)):
        plan = world.up(given, each)
    # also where the machine is declared from the state, after a newer release
    (standby,) = plan.machines.standby
    promises = standby.verification.verify.promises
    assert promises == Promises(nix=rebuildable, switch=switchable)


@pytest.mark.parametrize(
    ("options", "networks", "code", "key", "allowed"),
    [
        ({"network": "prvider"}, [PUBLIC, PROVIDER], "network-missing", "network", "provider"),
        (
            {"network": "provider"},
            [PUBLIC, PROVIDER, Network("other", "provider")],
            "network-ambiguous",
            "network",
            "net-provider, other",
        ),
        ({}, [PROVIDER], "network-missing", "pool", ""),
        (
            {},
            [PUBLIC, Network("x", "internet", external=True)],
            "network-ambiguous",
            "pool",
            "internet, public",
        ),
        ({"pool": "provider"}, [PUBLIC, PROVIDER], "network-not-external", "pool", "public"),
    ],
)
def test_networks_that_are_not_what_they_should_be(
    options: dict[str, Any], networks: list[Network], code: str, key: str, allowed: str
) -> None:
    world = World(inventory=replace(INVENTORY, networks=networks))
    with pytest.raises(SettingError) as raised:
        world.plan(settings(WEB, openstack=options), release(1))
    error = raised.value
    assert (error.code, error.key) == (code, f"flakeship:openstack.{key}")
    assert error.allowed == allowed


def test_an_existing_network_is_used_as_it_is() -> None:
    given = settings(
        {**WEB, "address": "none"}, openstack={"network": "provider", "access": "direct"}
    )
    made = World(inventory=replace(INVENTORY, networks=[PROVIDER])).plan(given, release(1))
    assert made.context.networks == Networks("net-provider", "", "", "")


def test_an_inventory_without_a_fitting_flavor_names_the_server() -> None:
    world = World(
        inventory=replace(INVENTORY, networks=[PUBLIC], flavors=[flavor("tiny", memory=128)])
    )
    with pytest.raises(SettingError) as raised:
        world.plan(settings(WEB), release(1))
    assert (raised.value.code, raised.value.key) == (
        "flavor-none-fits",
        "flakeship:servers[web].openstack.flavor",
    )


def test_a_volume_of_unknown_size_keeps_the_size_it_got() -> None:
    world = World()
    unknown = replace(release(1), disk="auto")
    given = settings({**WEB, "volume": True, "disk": 100})
    first = world.up(given, unknown).machines.active[0]
    assert world.ledger[0].artifact.disk != first.disk
    assert world.plan(given, unknown).machines.active == [first]


def test_an_ephemeral_test_server_is_the_same_in_every_run() -> None:
    world = World()
    given = settings(openstack={"testServer": {"ephemeral": True}})
    first = world.up(given, release(1)).machines.active
    world.change(servers=[], left={"instances": 0})
    assert world.plan(given, release(1)).machines.active == first
