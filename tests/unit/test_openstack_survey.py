"""What a stack on a cloud becomes, over several runs: settings and a look in, a survey out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from flakeship import ledger
from flakeship.errors import FlakeshipError, SettingError
from flakeship.openstack import machine, report
from flakeship.openstack.machine import Machine
from flakeship.openstack.shapes import Address, Image, Look, Network, Server
from flakeship.openstack.survey import Survey, survey
from flakeship.openstack.wishes import NetworkWish
from flakeship.release import Record, Release
from flakeship.requests import Check, Evidence
from flakeship.settings import Settings
from flakeship.wanted import Wanted

from .test_ledger import release
from .test_openstack_flavors import LOOK, flavor

PUBLIC = Network("net-public", "public", external=True)
PROVIDER = Network("net-provider", "provider")
KEYS = ["ssh-ed25519 AAAA"]
ADDRESS = "203.0.113.7"
WEB: dict[str, Any] = {"name": "web", "vcpus": 1, "ports": [80]}


def settings(*servers: dict[str, Any], **given: Any) -> Settings:
    """Settings without the check that the flake is there."""
    whole = {"target": "openstack", "host": "web", "flake": "git+x", **given}
    return Settings.model_validate({**whole, "servers": list(servers)})


@dataclass
class World:
    """A cloud and a stack's state: a run makes what its survey wants and removes the rest."""

    look: Look = field(default_factory=lambda: replace(LOOK, networks=[PUBLIC, PROVIDER]))
    ledger: list[Record] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)

    def plan(self, given: Settings, *wanted: Release, chosen: tuple[str, ...] = ()) -> Survey:
        releases = {each.host: each for each in wanted}
        others = ledger.older(self.ledger, releases, given.keep, chosen)
        return survey(Wanted("dev", given, releases, self.ledger, others, self.before), self.look)

    def up(self, given: Settings, *wanted: Release, chosen: tuple[str, ...] = ()) -> Survey:
        made = self.plan(given, *wanted, chosen=chosen)
        running = [*made.plan.active, *made.plan.older]
        others = [s for s in self.look.servers if s.stack != "dev"]
        servers = [
            Server(m.id, m.id, "ACTIVE", f"image-{m.release.name}", stack="dev") for m in running
        ]
        verified = [Record(r, "ab" * 64, 1000, 2048) for r in made.releases.values()]
        self.ledger = ledger.updated(self.ledger, verified, made.records, chosen)
        names = [record.name for record in self.ledger]
        images = [Image(f"image-{name}", name, "active") for name in names]
        addresses = [
            Address(ADDRESS, f"port-{m.id}", "dev", m.server.name)
            for m in made.plan.active
            if m.server.address == "floating"
        ]
        self.look = replace(
            self.look, servers=[*others, *servers], images=images, addresses=addresses
        )
        outputs = {
            "project": made.scene.look.project,
            "standing": machine.plain(made.plan.standing),
            "published": {n: {"id": f"image-{n}", "count": made.counts[n]} for n in names},
            "servers": {m.server.name: told(m) for m in made.plan.active},
        }
        self.before = json.loads(json.dumps(outputs))  # as the state gives it back
        return made


def told(planned: Machine) -> dict[str, object]:
    checks = [Check("toplevel", passed=True, milliseconds=1, detail="")]
    evidence = Evidence(planned.id, 1, KEYS, 1.0, checks)
    return report.report(planned, ADDRESS, "10.20.0.5", evidence, f"port-{planned.id}")


def ids(machines: list[Machine]) -> list[str]:
    return [each.id.rpartition("-")[0] for each in machines]


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
    assert made.room == {}
    assert made.notes == []


def test_a_second_run_changes_nothing() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1))
    again = world.plan(given, release(1, revision="another-commit"))
    assert again.plan == first.plan
    assert again.counts == first.counts


def test_a_new_release_stands_beside_the_old_one_for_the_window() -> None:
    world = World()
    given = settings(WEB, rollbackWindow=1, keep=3)
    for digit in (1, 2, 3):
        made = world.up(given, release(digit))
    assert ids(made.plan.active) == ["web-33333333"]
    assert ids(made.plan.older) == ["web-22222222"]
    assert [record.name[-1] for record in world.ledger] == ["3", "2", "1"]
    assert made.notes == [
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
    given = settings(WEB, rollbackWindow=0)
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
        {"ports": [{"port": 80, "from": ["192.0.2.0/24"]}]},
        {"checks": [{"name": "a", "run": "true"}]},
    ],
)
def test_what_changes_in_place_is_the_same_machine(change: dict[str, Any]) -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    assert world.plan(settings({**WEB, **change}), release(1)).plan.active[0].id == first.id


def test_a_server_that_is_gone_gets_a_successor_with_another_name() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).plan.active[0]
    world.look = replace(world.look, servers=[])
    lost = world.plan(given, release(1))
    assert lost.plan.active[0].life == 2
    assert lost.plan.active[0].id != first.id
    assert lost.plan.older == []
    assert lost.notes[0] == (f"web: {first.id} is gone or in error: a new one is made")
    second = world.up(given, release(1)).plan.active[0]
    assert world.plan(given, release(1)).plan.active == [second]
    broken = replace(world.look.servers[0], status="ERROR")
    world.look = replace(world.look, servers=[broken])
    assert world.plan(given, release(1)).plan.active[0].life == 3


def test_a_deleted_flavor_moves_nobody_until_the_next_release() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).plan.active[0]
    world.look = replace(
        world.look, flavors=[f for f in world.look.flavors if f.name != first.flavor.name]
    )
    same = world.plan(given, release(1))
    assert same.plan.active == [first]
    assert "its flavor s1.tiny is gone from the cloud" in same.notes[0]
    new = world.plan(given, release(2))
    assert new.plan.active[0].flavor.name == "d1.tiny"
    assert "s1.tiny is gone from the cloud" in new.notes[0]


def test_an_image_that_was_deleted_is_uploaded_again_and_no_server_changes() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1))
    world.look = replace(world.look, images=[])
    again = world.plan(given, release(1))
    assert again.counts == {"web-11111111": 2}
    assert again.plan == first.plan


def test_an_image_that_somebody_boots_from_stays() -> None:
    world = World()
    given = settings(WEB, keep=2)
    world.up(given, release(1))
    stranger = Server("id-x", "theirs", "ACTIVE", "image-web-11111111")
    world.look = replace(world.look, servers=[*world.look.servers, stranger])
    for digit in (2, 3):
        made = world.up(given, release(digit))
    assert [record.name[-1] for record in made.records] == ["2", "1"]
    assert (
        "the image of web-11111111 stays, because servers boot from it: theirs (id-x)" in made.notes
    )
    world.look = replace(world.look, servers=[s for s in world.look.servers if s.stack])
    assert [record.name[-1] for record in world.up(given, release(4)).records] == ["3"]


def test_the_plan_says_where_it_cannot_see_who_uses_an_image() -> None:
    world = World()
    given = settings(WEB, keep=1, rollbackWindow=0, openstack={"visibility": "shared"})
    world.up(given, release(1))
    made = world.plan(given, release(2))
    assert "cannot see whether servers of other projects boot from it" in made.notes[-1]
    world.look = replace(world.look, everywhere=True)
    assert "cannot see" not in " ".join(world.plan(given, release(2)).notes)


def test_a_stack_of_another_project_is_refused() -> None:
    world = World()
    world.up(settings(WEB), release(1))
    world.look = replace(world.look, project="other", project_name="elsewhere")
    with pytest.raises(FlakeshipError, match="lives in the project 0badc0de, and these cred"):
        world.plan(settings(WEB), release(1))


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
    world.plan(settings(WEB, openstack={"reach": "direct"}), release(2))


def test_the_network_that_a_failed_first_run_has_left_is_not_counted_again() -> None:
    world = World()
    world.look = replace(world.look, left={"routers": 0})
    with pytest.raises(FlakeshipError, match="routers: 1 needed, 0 left"):
        world.plan(settings(WEB), release(1))
    left = Network("net-dev", NetworkWish().named("dev"))
    world.look = replace(world.look, networks=[*world.look.networks, left])
    world.plan(settings(WEB), release(1))


def test_the_active_server_is_the_way_to_its_successor_and_stays_so() -> None:
    world = World()
    given = settings(WEB, openstack={"reach": "jump"})
    first = world.up(given, release(1)).plan.active[0]
    assert first.jump is None
    second = world.up(given, release(2)).plan.active[0]
    assert second.jump
    assert (second.jump.name, second.jump.address) == (first.id, "203.0.113.7")
    assert second.jump.host_keys == KEYS
    # the active one is another now, and what was verified stays verified
    assert world.plan(given, release(2)).plan.active == [second]
    less = settings({**WEB, "memory": 256}, openstack={"reach": "jump"})
    assert world.plan(less, release(2)).plan.active[0].jump == second.jump
    # new checks have to find a way that is there
    more = settings({**WEB, "checks": [{"name": "a", "run": "true"}]}, openstack={"reach": "jump"})
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
    assert (planned.server.name, planned.server.address) == ("test", "none")
    assert planned.flavor.name == "s1.nano"
    assert not made.ephemeral
    assert world.up(settings(), release(2)).plan.older == []
    assert world.plan(settings(openstack={"test": {"ephemeral": True}}), release(2)).ephemeral


def test_a_roll_back_goes_to_the_flavor_that_still_runs() -> None:
    world = World()
    first = world.up(settings({**WEB, "flavor": "s1.small"}), release(1)).plan.active[0]
    world.up(settings({**WEB, "flavor": "s1.plus"}), release(2))
    assert world.plan(settings(WEB), release(1), chosen=("web",)).plan.active[0].id == first.id


def test_a_run_that_failed_has_left_a_server_whose_flavor_is_kept() -> None:
    """Its flavor takes the quota that another choice would need."""
    world = World()
    hash8 = release(1).name.removeprefix("web-")
    left = Server("id-1", f"web-{hash8}-abcd", "ACTIVE", "", "s1.small", stack="dev")
    world.look = replace(world.look, servers=[left])
    made = world.plan(settings(WEB), release(1))
    assert made.plan.active[0].flavor.name == "s1.small"


def test_a_server_that_could_not_be_made_is_not_taken_for_one() -> None:
    """What a failed run has left in error is in no output; its flavor is no choice either."""
    world = World()
    planned = world.plan(settings({**WEB, "flavor": "s1.plus"}), release(1)).plan.active[0]
    left = Server("id-1", planned.id, "ERROR", "", "s1.plus", stack="dev")
    world.look = replace(world.look, servers=[left])
    again = world.plan(settings({**WEB, "flavor": "s1.plus"}), release(1))
    assert again.plan.active[0].life == 2
    assert world.plan(settings(WEB), release(1)).plan.active[0].flavor.name == "s1.tiny"


def test_an_image_of_unknown_size_is_checked_when_it_is_built() -> None:
    unknown = replace(release(1), disk="auto")
    made = World().plan(settings(WEB), unknown)
    assert made.room == {"web-11111111": 2048}
    assert "is known once it is built" in made.notes[0]


def test_a_volume_is_as_large_as_the_release_needs() -> None:
    planned = World().plan(settings({**WEB, "volume": True, "disk": 1}), release(1)).plan.active[0]
    assert planned.disk == release(1).disk


def test_user_data_may_be_a_file(tmp_path: Any) -> None:
    file = tmp_path / "user-data"
    file.write_text("#cloud-config\n")
    made = World().plan(settings({**WEB, "userData": str(file)}), release(1))
    assert made.plan.active[0].server.user_data == "#cloud-config\n"
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
    port = {"port": 443, "from": ["192.0.2.0/24"]}
    planned = World().plan(settings({**WEB, "ports": [port]}), release(1)).plan.active[0]
    assert [(r.port, r.source, r.ethertype) for r in planned.rules] == [
        (22, "0.0.0.0/0", "IPv4"),
        (22, "::/0", "IPv6"),
        (443, "192.0.2.0/24", "IPv4"),
    ]


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
        {**WEB, "address": "none"}, openstack={"network": "provider", "reach": "direct"}
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


def test_another_network_leaves_the_older_machines_behind() -> None:
    """Declared in the new one they would be made anew, on empty disks."""
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    moved = settings(WEB, openstack={"network": {"cidr": "10.30.0.0/24"}})
    made = world.up(moved, release(1))
    assert made.plan.active[0].id != first.id
    assert made.plan.older == []
    assert any(f"{first.id} goes in this run, because the network" in note for note in made.notes)
    assert NetworkWish().named("dev") != moved.openstack.network.named("dev")


def test_what_does_not_run_gets_no_address() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    world.up(given, release(2))
    stopped = [
        replace(s, status="SHUTOFF") if "11111111" in s.name else s for s in world.look.servers
    ]
    world.look = replace(world.look, servers=stopped)
    world.plan(given, release(2))
    with pytest.raises(FlakeshipError, match=r"is SHUTOFF in Nova: `openstack server start web-1"):
        world.plan(given, release(1), chosen=("web",))
    world.look = replace(
        world.look, servers=[replace(s, status="SHUTOFF") for s in world.look.servers]
    )
    assert any("is SHUTOFF in Nova" in note for note in world.plan(given, release(2)).notes)


def test_a_flavor_made_anew_under_its_name_resizes_nobody() -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    flavors = [
        replace(f, id="another") if f.name == first.flavor.name else f for f in world.look.flavors
    ]
    world.look = replace(world.look, flavors=flavors)
    changed = settings({**WEB, "checks": [{"name": "a", "run": "true"}]})
    assert world.plan(changed, release(1)).plan.active[0].flavor == first.flavor


def test_a_release_that_an_older_machine_runs_keeps_its_image() -> None:
    """Nova does not say what a server with a volume was booted from."""
    world = World()
    given = settings({**WEB, "volume": True}, keep=2)
    for digit, chosen in ((1, ()), (2, ()), (1, ("web",)), (3, ())):
        made = world.up(given, release(digit), chosen=chosen)
        world.look = replace(world.look, servers=[replace(s, image="") for s in world.look.servers])
    assert ids(made.plan.older) == ["web-11111111"]
    assert "web-11111111" in {record.name for record in made.records}


def test_another_project_of_the_same_names_is_nobody() -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).plan.active[0]
    theirs = replace(world.look.servers[0], status="ERROR", project="elsewhere")
    world.look = replace(world.look, servers=[*world.look.servers, theirs], everywhere=True)
    assert world.plan(settings(WEB), release(1)).plan.active == [first]
    world.look = replace(world.look, servers=[replace(theirs, status="ACTIVE")])
    assert world.plan(settings(WEB), release(1)).plan.active[0].life == 2


def test_a_volume_of_unknown_size_keeps_the_size_it_got() -> None:
    world = World()
    unknown = replace(release(1), disk="auto")
    given = settings({**WEB, "volume": True, "disk": 100})
    first = world.up(given, unknown).plan.active[0]
    assert world.ledger[0].disk != first.disk
    assert world.plan(given, unknown).plan.active == [first]


def test_an_ephemeral_test_server_is_the_same_in_every_run() -> None:
    world = World()
    given = settings(openstack={"test": {"ephemeral": True}})
    first = world.up(given, release(1)).plan.active
    world.look = replace(world.look, servers=[], left={"instances": 0})
    assert world.plan(given, release(1)).plan.active == first


def test_an_address_of_ones_own_is_named_without_harm() -> None:
    """No longer declared it would be released, with the name that points to it."""
    world = World()
    world.up(settings(WEB), release(1))
    named = world.plan(settings({**WEB, "address": ADDRESS}), release(1))
    assert named.plan.active[0].server.address == "floating"
    with pytest.raises(SettingError, match=f"has no floating IP 192.0.2.1; it has {ADDRESS}"):
        world.plan(settings({**WEB, "address": "192.0.2.1"}), release(1))
    there = [*world.look.addresses, Address("192.0.2.1")]
    world.look = replace(world.look, addresses=there)
    foreign = world.plan(settings({**WEB, "address": "192.0.2.1"}), release(1))
    assert foreign.plan.active[0].server.address == "192.0.2.1"


def test_an_address_that_leads_elsewhere_is_told() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).plan.active[0]
    assert not world.plan(given, release(1)).notes
    world.look = replace(world.look, addresses=[Address(ADDRESS, "", "dev", "web")])
    assert (
        f"its address {ADDRESS} leads nowhere, not to {first.id}"
        in (world.plan(given, release(1)).notes[0])
    )
    world.look = replace(world.look, addresses=[])
    assert f"its address {ADDRESS} is gone" in world.plan(given, release(1)).notes[0]


def test_a_server_that_leaves_the_settings_is_told_with_its_address() -> None:
    world = World()
    world.up(settings(WEB), release(1))
    notes = world.plan(settings({**WEB, "count": 2}), release(1)).notes
    assert (
        f"web is not in the settings any more: its server goes, and its address {ADDRESS} with it"
        in notes
    )
