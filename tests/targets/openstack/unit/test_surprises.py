"""What has happened in the cloud behind a stack's back, and what it makes of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.openstack.inventory import Address, Network, Server
from flakeship.targets.openstack.settings import NetworkSettings
from tests.targets.openstack.unit.world import ADDRESS, WEB, World, ids, settings
from tests.unit.model.test_ledger import release


def test_a_server_that_is_gone_gets_a_successor_with_another_name() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).machines.active[0]
    world.change(servers=[])
    lost = world.plan(given, release(1))
    assert lost.machines.active[0].incarnation == 2
    assert lost.machines.active[0].id != first.id
    assert lost.machines.standby == []
    assert lost.warnings[0] == f"web: {first.id} is gone"
    second = world.up(given, release(1)).machines.active[0]
    assert world.plan(given, release(1)).machines.active == [second]
    broken = replace(world.inventory.servers[0], status="ERROR")
    world.change(servers=[broken])
    assert world.plan(given, release(1)).machines.active[0].incarnation == 3


def test_a_deleted_flavor_moves_nobody_until_the_next_release() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).machines.active[0]
    world.change(flavors=[f for f in world.inventory.flavors if f.name != first.flavor.name])
    same = world.plan(given, release(1))
    assert same.machines.active == [first]
    assert "its flavor s1.tiny is gone from the cloud" in same.warnings[0]
    new = world.plan(given, release(2))
    assert new.machines.active[0].flavor.name == "d1.tiny"
    assert "s1.tiny is gone from the cloud" in new.warnings[0]


def test_an_image_that_was_deleted_is_uploaded_again_and_no_server_changes() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1))
    world.change(images=[])
    again = world.plan(given, release(1))
    assert again.uploads.numbers == {"web-11111111": 2}
    assert again.machines.deployed == first.machines.deployed


def test_the_files_of_a_lost_image_are_needed_only_where_a_server_is_to_boot() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    world.up(given, release(2))
    one, two = release(1).name, release(2).name
    assert world.plan(given, release(2)).needs_files == set()
    world.change(images=[])
    # both servers run, the older one on standby: going back moves an address
    for back in (release(1), release(2)):
        made = world.plan(given, back, pinned=("web",), absent=(one, two))
        assert made.needs_files == set()
        assert made.uploads.numbers == {one: 1, two: 1}
        assert {name for name in (one, two) if name in "".join(made.warnings)} == {one, two}
    here = world.plan(given, release(2))
    assert here.uploads.numbers == {one: 2, two: 2}
    # another size is another server
    larger = world.plan(settings({**WEB, "vcpus": 2}), release(2), absent=(one, two))
    assert larger.needs_files == {one, two}
    assert larger.uploads.numbers[one] == 1
    assert larger.uploads.numbers[two] == 2
    world.change(servers=[])
    assert world.plan(given, release(2), absent=(one, two)).needs_files == {one, two}


def test_an_image_with_other_bytes_in_glance_is_uploaded_again() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    (image,) = world.inventory.images
    verified = world.ledger[0].artifact.image.sha512
    for sha512, number in ((verified, 1), ("", 1), ("ab" * 64, 2)):
        world.change(images=[replace(image, sha512=sha512)])
        assert world.plan(given, release(1)).uploads.numbers == {release(1).name: number}


def test_an_image_that_somebody_boots_from_stays() -> None:
    world = World()
    given = settings(WEB, retainReleases=2)
    world.up(given, release(1))
    stranger = Server("id-x", "theirs", "ACTIVE", "image-web-11111111")
    world.change(servers=[*world.inventory.servers, stranger])
    for digit in (2, 3):
        made = world.up(given, release(digit))
    assert [record.name[-1] for record in made.records] == ["2", "1"]
    assert "the image of web-11111111 stays: servers boot from it: theirs (id-x)" in made.warnings
    world.change(servers=[s for s in world.inventory.servers if s.stack])
    assert [record.name[-1] for record in world.up(given, release(4)).records] == ["3"]


def test_the_plan_says_where_it_cannot_see_who_uses_an_image() -> None:
    world = World()
    given = settings(WEB, retainReleases=1, standbyReleases=0, openstack={"visibility": "shared"})
    world.up(given, release(1))
    made = world.plan(given, release(2))
    assert "cannot see whether servers of other projects boot from it" in made.warnings[-1]
    world.change(everywhere=True)
    assert "cannot see" not in " ".join(world.plan(given, release(2)).warnings)


def test_a_stack_of_another_project_is_refused() -> None:
    world = World()
    world.up(settings(WEB), release(1))
    world.change(project="other", project_name="elsewhere")
    with pytest.raises(FlakeshipError) as raised:
        world.plan(settings(WEB), release(1))
    assert raised.value.code == "project-mismatch"
    assert "in the project 0badc0de" in raised.value.what


def test_the_network_that_a_failed_first_run_has_left_is_not_counted_again() -> None:
    world = World()
    world.change(left={"routers": 0})
    with pytest.raises(FlakeshipError) as raised:
        world.plan(settings(WEB), release(1))
    assert raised.value.details == ("  routers: 1 needed, 0 left",)
    left = Network("net-dev", NetworkSettings().named("dev"))
    world.change(networks=[*world.inventory.networks, left])
    world.plan(settings(WEB), release(1))


def test_a_run_that_failed_has_left_a_server_whose_flavor_is_kept() -> None:
    """Its flavor takes the quota that another choice would need."""
    world = World()
    hash8 = release(1).name.removeprefix("web-")
    left = Server("id-1", f"web-{hash8}-abcd", "ACTIVE", "", "s1.small", stack="dev")
    world.change(servers=[left])
    made = world.plan(settings(WEB), release(1))
    assert made.machines.active[0].flavor.name == "s1.small"


def test_a_server_that_could_not_be_made_is_not_taken_for_one() -> None:
    """What a failed run has left in error is in no output; its flavor is no choice either."""
    world = World()
    planned = world.plan(settings({**WEB, "flavor": "s1.plus"}), release(1)).machines.active[0]
    left = Server("id-1", planned.id, "ERROR", "", "s1.plus", stack="dev")
    world.change(servers=[left])
    again = world.plan(settings({**WEB, "flavor": "s1.plus"}), release(1))
    assert again.machines.active[0].incarnation == 2
    assert world.plan(settings(WEB), release(1)).machines.active[0].flavor.name == "s1.tiny"


def test_another_network_leaves_the_older_machines_behind() -> None:
    """Declared in the new one they would be made anew, on empty disks."""
    world = World()
    first = world.up(settings(WEB), release(1)).machines.active[0]
    moved = settings(WEB, openstack={"network": {"cidr": "10.30.0.0/24"}})
    made = world.up(moved, release(1))
    assert made.machines.active[0].id != first.id
    assert made.machines.standby == []
    assert any(f"{first.id} is no standby, because the network" in each for each in made.warnings)
    assert NetworkSettings().named("dev") != moved.options.network.named("dev")


def test_what_does_not_run_gets_no_address() -> None:
    world = World()
    given = settings(WEB)
    world.up(given, release(1))
    world.up(given, release(2))
    stopped = [
        replace(s, status="SHUTOFF") if "11111111" in s.name else s for s in world.inventory.servers
    ]
    world.change(servers=stopped)
    world.plan(given, release(2))
    with pytest.raises(FlakeshipError) as raised:
        world.plan(given, release(1), pinned=("web",))
    assert (raised.value.code, raised.value.key) == ("machine-stopped", "web")
    assert raised.value.remedy.startswith("start it with `openstack server start web-1")
    world.change(servers=[replace(s, status="SHUTOFF") for s in world.inventory.servers])
    assert any("is SHUTOFF in Nova" in note for note in world.plan(given, release(2)).warnings)


def test_a_flavor_made_anew_under_its_name_resizes_nobody() -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).machines.active[0]
    flavors = [
        replace(f, id="another") if f.name == first.flavor.name else f
        for f in world.inventory.flavors
    ]
    world.change(flavors=flavors)
    changed = settings({**WEB, "checks": [{"name": "a", "run": "true"}]})
    assert world.plan(changed, release(1)).machines.active[0].flavor == first.flavor


def test_a_release_that_an_older_machine_runs_keeps_its_image() -> None:
    """Nova does not say what a server with a volume was booted from."""
    world = World()
    given = settings({**WEB, "volume": True}, retainReleases=2)
    for digit, pinned in ((1, ()), (2, ()), (1, ("web",)), (3, ())):
        made = world.up(given, release(digit), pinned=pinned)
        world.change(servers=[replace(s, image="") for s in world.inventory.servers])
    assert ids(made.machines.standby) == ["web-11111111"]
    assert "web-11111111" in {record.name for record in made.records}


def test_another_project_of_the_same_names_is_nobody() -> None:
    world = World()
    first = world.up(settings(WEB), release(1)).machines.active[0]
    theirs = replace(world.inventory.servers[0], status="ERROR", project="elsewhere")
    world.change(servers=[*world.inventory.servers, theirs], everywhere=True)
    assert world.plan(settings(WEB), release(1)).machines.active == [first]
    world.change(servers=[replace(theirs, status="ACTIVE")])
    assert world.plan(settings(WEB), release(1)).machines.active[0].incarnation == 2


def test_an_address_of_ones_own_is_named_without_harm() -> None:
    """No longer declared it would be released, with the name that points to it."""
    world = World()
    world.up(settings(WEB), release(1))
    named = world.plan(settings({**WEB, "address": ADDRESS}), release(1))
    assert named.machines.active[0].server.options.address == "floating"
    with pytest.raises(SettingError) as raised:
        world.plan(settings({**WEB, "address": "192.0.2.1"}), release(1))
    assert (raised.value.code, raised.value.given) == ("address-missing", "192.0.2.1")
    assert raised.value.allowed == f"floating, none, {ADDRESS}"
    there = [*world.inventory.addresses, Address("192.0.2.1")]
    world.change(addresses=there)
    foreign = world.plan(settings({**WEB, "address": "192.0.2.1"}), release(1))
    assert foreign.machines.active[0].server.options.address == "192.0.2.1"


def test_an_address_that_leads_elsewhere_is_told() -> None:
    world = World()
    given = settings(WEB)
    first = world.up(given, release(1)).machines.active[0]
    assert not world.plan(given, release(1)).warnings
    world.change(addresses=[Address(ADDRESS, "", "dev", "web")])
    assert (
        f"its address {ADDRESS} leads nowhere, not to {first.id}"
        in (world.plan(given, release(1)).warnings[0])
    )
    world.change(addresses=[])
    assert f"its address {ADDRESS} no longer exists" in world.plan(given, release(1)).warnings[0]


def test_a_server_that_leaves_the_settings_is_told_with_its_address() -> None:
    world = World()
    world.up(settings(WEB), release(1))
    *_, gone = world.plan(settings({**WEB, "count": 2}), release(1)).summary.servers
    assert (gone.server, gone.machine) == ("web", "")
    assert [thing.one for thing in gone.released] == [f"the floating IP {ADDRESS}"]
