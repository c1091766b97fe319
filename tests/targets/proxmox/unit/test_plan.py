"""Plans of a stack's life on a cluster in memory: each run starts from what the one before left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.state.resources import VERIFICATION
from flakeship.targets.proxmox.inventory import Inventory, Node, Vm
from flakeship.targets.proxmox.plan import StackPlan, inspect_request
from flakeship.targets.proxmox.resources import CUTOVER, Marks, marks, tags
from tests.conformance.test_plan import guarded
from tests.targets.proxmox.unit.schema import ADDRESSES, read, server
from tests.targets.proxmox.unit.world import World, inventory, nodes
from tests.unit.model.test_ledger import release

TWO = [{"name": "web"}, {"name": "db"}]


def active(plan: StackPlan, name: str = "web") -> Any:
    return plan.machines.rollouts[name].active


def templates(plan: StackPlan, number: int) -> list[tuple[int, str]]:
    found = plan.templates.templates.get(release(number).name, [])
    return [(each.vmid, each.node) for each in found]


def refused(world: World, *given: Any, **more: Any) -> FlakeshipError:
    before = (world.inventory, world.outputs)
    with pytest.raises(FlakeshipError) as caught:
        world.plan(*given, **more)
    assert (world.inventory, world.outputs) == before
    assert "\n" not in str(caught.value.what)
    return caught.value


def nothing_happens(world: World, *given: Any, **more: Any) -> None:
    """Another run of the same is the same plan, without a word."""
    before = world.inventory
    again = world.up(*given, **more)
    assert world.inventory == before
    assert again.summary.planned == ""
    assert again.warnings == []


def test_a_first_run_makes_a_template_and_machines_of_it() -> None:
    world = World()
    plan = world.up(servers=TWO)
    assert {node for _, node in templates(plan, 1)} == {m.node for m in plan.machines.active}
    for machine in plan.machines.active:
        template = plan.templates.of(machine.release.name, machine.node)
        assert template is not None
        assert machine.template == template.vmid
    ids = [vm.id for vm in world.inventory.vms]
    assert len(ids) == len(set(ids))
    assert all(vmid in range(9000, 9100) for vmid in ids)
    assert "first machine" in plan.summary.planned
    assert plan.facts == [
        "Proxmox VE 8.4.0 at https://pve1.example.com:8006, nodes pve1, pve2, token iac@pve!ci"
    ]
    nothing_happens(world, servers=TWO)


def test_a_plan_is_pure(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.up(1, TWO)
    world.up(2, TWO, fail=True)
    target, given, found = world.arguments(3, TWO)
    with guarded(monkeypatch):
        assert target.plan(given, found) == target.plan(given, found)


@pytest.mark.parametrize("shared", [False, True])
def test_a_life(*, shared: bool) -> None:
    world = World(inventory(shared=shared))
    world.up(1, TWO)
    first = {m.server.name: m for m in world.plan(1, TWO).machines.active}
    second = world.up(2, TWO)
    for name, machine in first.items():
        now = active(second, name)
        assert now.node == machine.node, "it stays where its data and its template are"
        assert now.vmid != machine.vmid
        assert second.machines.rollouts[name].standby == (machine,)
    nothing_happens(world, 2, TWO)
    third = world.up(3, TWO)
    assert {m.release.name for m in third.machines.standby} == {release(2).name}
    back = world.up(2, TWO)
    assert {m.vmid for m in back.machines.active} == {m.vmid for m in second.machines.active}
    nothing_happens(world, 2, TWO)
    for number in (4, 5, 6, 7):
        world.up(number, TWO)
    kept = set(world.plan(7, TWO).templates.templates)
    assert kept == {release(number).name for number in (5, 6, 7)}
    world.up(7, [{"name": "web"}])
    assert {vm.marks.machine.split("-")[0] for vm in world.inventory.vms} == {"", "web"}


def test_local_storage_has_a_template_on_each_node_that_needs_one() -> None:
    world = World(inventory("a", "b", "c"))
    spread = [server("one", node="a"), server("two", node="c")]
    plan = world.up(servers=spread)
    assert sorted(node for _, node in templates(plan, 1)) == ["a", "c"]
    one = World(inventory("a", "b", "c", shared=True)).up(servers=spread)
    assert len(templates(one, 1)) == 1
    assert {m.template for m in one.machines.active} == {templates(one, 1)[0][0]}
    names = {one.templates.subject("r", t) for ts in one.templates.templates.values() for t in ts}
    assert len(names) == 1


def test_machines_go_where_there_is_most_room() -> None:
    plan = World(
        inventory(nodes=[Node("pve1", True, 4096, 1000), Node("pve2", True, 4096, 2000)])
    ).up(servers=[{"name": name, "memory": "700M"} for name in ("a", "b", "c")])
    assert [m.node for m in plan.machines.active] == ["pve2", "pve2", "pve1"]


def test_of_nodes_with_the_same_room_it_is_the_first_by_name() -> None:
    found = [Node(name, True) for name in ("pve", "pve2", "a-node")]
    assert active(World(inventory("pve", "pve2", "a-node", nodes=found)).up()).node == "a-node"
    assert active(World(inventory("pve", "pve2", nodes=found[:2])).up()).node == "pve"


def test_without_figures_the_machines_that_are_seen_count() -> None:
    world = World(inventory(nodes=[Node("pve1", True), Node("pve2", True)]))
    world.set(Vm(100, "pve1", "big", "running", memory=8192))
    assert active(world.up()).node == "pve2"


def test_a_machine_that_was_moved_stays_the_same() -> None:
    world = World()
    before = world.up()
    made = active(before)
    other = {"pve1": "pve2", "pve2": "pve1"}[made.node]
    world.set(replace(world.vms[made.vmid], node=other))
    again = world.up()
    assert active(again).id == made.id
    assert active(again).node == other
    assert again.summary.planned == ""
    assert again.templates.templates == before.templates.templates
    # its template is made there for the next one
    after = world.up(2)
    assert active(after).node == other


def test_a_named_node_is_that_one() -> None:
    world = World()
    assert active(world.up(servers=[server(node="pve2")])).node == "pve2"
    moved = world.plan(servers=[server(node="pve1")])
    assert active(moved).node == "pve1"
    assert "node pve2 -> pve1" in moved.summary.planned


def test_lost_templates_are_made_again_with_another_id() -> None:
    world = World()
    world.up()
    before = world.up(2)
    lost = [vmid for vmid, _ in templates(before, 1) + templates(before, 2)]
    world.remove(*lost)
    again = world.up(2)
    assert not {vmid for vmid, _ in templates(again, 1) + templates(again, 2)} & {*lost}
    assert len(templates(again, 1)) == len(templates(again, 2)) == 1
    # what runs is still the clone of what it was made of
    assert active(again).template in lost
    nothing_happens(world, 2)


@pytest.mark.parametrize("shared", [False, True])
def test_files_are_needed_where_no_upload_has_brought_them(*, shared: bool) -> None:
    world = World(inventory(shared=shared))
    assert world.plan(1).needs_files == {release(1).name}
    world.up(1)
    assert world.plan(1).needs_files == set()
    assert world.plan(2).needs_files == {release(2).name}
    world.up(2)
    assert world.plan(1).needs_files == set()
    # a template is made again of what was uploaded for it
    world.remove(*(vmid for vmid, _ in templates(world.plan(2), 2)))
    assert world.plan(2).needs_files == set()
    # on another node only what is shared is there
    moved = world.plan(2, [server(node="pve2")])
    assert active(moved).node == "pve2"
    assert moved.needs_files == (set() if shared else {release(2).name})


def test_a_lost_machine_has_a_successor_with_another_id() -> None:
    world = World()
    made = active(world.up())
    world.remove(made.vmid)
    plan = world.up()
    assert active(plan).vmid != made.vmid
    assert active(plan).id != made.id
    assert any("gone" in warning for warning in plan.warnings)
    nothing_happens(world)


def test_everything_that_is_lost_at_once_is_made_anew() -> None:
    world = World()
    for number in (1, 2, 3):
        plan = world.up(number, TWO)
    everything = [*world.vms]
    world.remove(*everything)
    again = world.up(3, TWO)
    assert not {*everything} & {machine.vmid for machine in again.machines.active}
    assert {*again.templates.templates} == {*plan.templates.templates}
    nothing_happens(world, 3, TWO)


def test_what_a_failed_run_has_left_is_used() -> None:
    world = World()
    world.up()
    failed = world.up(2, fail=True)
    again = world.plan(2)
    assert active(again) == active(failed)
    assert again.templates == failed.templates
    assert "left unverified by an earlier run" in again.summary.planned
    world.up(2)
    nothing_happens(world, 2)


@pytest.mark.parametrize("status", ["stopped", "unknown"])
def test_what_was_not_made_completely_has_a_successor_and_goes(status: str) -> None:
    world = World()
    world.up()
    failed = active(world.up(2, fail=True))
    world.set(replace(world.vms[failed.vmid], status=status))
    again = world.up(2)
    assert active(again).id != failed.id
    assert active(again).vmid != failed.vmid
    assert active(again).release == failed.release
    assert f"{failed.id}, left by an earlier run, is deleted" in again.summary.planned
    (warning,) = (each for each in again.warnings if failed.id in each)
    assert f"not made completely: {status} on pve1" in warning
    # a cutover may have begun before it was killed
    assert again.repairs == {CUTOVER.key("web"): 1}


def test_runs_that_fail_again_and_again_do_not_use_up_the_addresses() -> None:
    world, pool = World(), [server(addresses=ADDRESSES[:3])]
    kept = active(world.up(1, pool)).address
    for _ in range(4):
        failed = active(world.up(2, pool, fail=True))
        assert failed.address != kept
        world.set(replace(world.vms[failed.vmid], status="stopped"))
    assert active(world.up(2, pool)).address in ADDRESSES[:3]


def test_a_failed_run_and_then_another_release() -> None:
    world = World(inventory(shared=True))
    pool = [server(addresses=ADDRESSES)]
    first = world.up(1, pool)
    failed = world.up(2, pool, fail=True)
    third = world.plan(3, pool)
    left = f"{active(failed).id}, left by an earlier run, is deleted with its root disk"
    assert left in third.summary.planned
    # and where the failed release is given up
    assert world.plan(1, pool).summary.planned == f"web: {active(first).id} stays; {left}"
    gone = world.plan(1, [{"name": "db"}]).summary.planned
    assert left in gone
    taken = {active(first).address, active(failed).address}
    assert active(third).address not in taken
    assert active(third).vmid not in {active(first).vmid, active(failed).vmid}


@pytest.mark.parametrize("status", ["stopped", "paused"])
def test_an_active_machine_that_does_not_run_is_started_by_its_verification(status: str) -> None:
    world = World()
    made = active(world.up())
    world.set(replace(world.vms[made.vmid], status=status))
    plan = world.plan()
    assert active(plan).id == made.id
    assert plan.repairs == {VERIFICATION.key(made.id): 1}
    assert any(made.id in warning for warning in plan.warnings)
    world.set(replace(world.vms[made.vmid], status="running"))
    assert world.up().repairs == {}  # nothing was recorded of a plan that was not carried out


def test_a_locked_machine_that_does_not_run_is_left_to_a_person() -> None:
    world = World()
    made = active(world.up())
    world.set(replace(world.vms[made.vmid], status="stopped", lock="backup"))
    plan = world.plan()
    assert any(f"qm start {made.vmid}" in warning for warning in plan.warnings)
    assert plan.repairs == {}


def test_a_machine_that_was_moved_is_told_and_stays() -> None:
    world = World()
    made = active(world.up())
    world.set(replace(world.vms[made.vmid], node="pve2"))
    plan = world.plan()
    assert (active(plan).id, active(plan).node) == (made.id, "pve2")
    assert any("pulumi refresh" in warning for warning in plan.warnings)


def test_going_back_to_a_machine_that_is_stopped_is_refused() -> None:
    world = World()
    made = active(world.up())
    world.up(2)
    world.set(replace(world.vms[made.vmid], status="stopped"))
    error = refused(world, 1)
    assert (error.code, error.key) == ("machine-stopped", "web")
    assert f"qm start {made.vmid}" in error.remedy


def offline(world: World, name: str) -> None:
    world.change(nodes=[replace(n, online=n.name != name) for n in world.inventory.nodes])
    for vm in world.inventory.vms:
        if vm.node == name:
            world.set(replace(vm, status="unknown"))


def test_a_node_that_is_down() -> None:
    world = World()
    before = world.up()
    made = active(before)
    offline(world, made.node)
    same = world.plan()
    assert same.templates.templates == before.templates.templates
    assert active(same).id == made.id
    assert any("offline" in warning for warning in same.warnings)
    other = world.plan(2)
    assert active(other).node != made.node
    assert other.machines.standby == [made]
    alone = world.plan(2, standbyReleases=0)
    assert any("the run will fail at its end" in warning for warning in alone.warnings)
    assert refused(world, 2, [server(node=made.node)]).code == "node-offline"


def test_a_template_on_a_node_that_is_down_serves_nobody() -> None:
    world = World(inventory(shared=True))
    (before,) = templates(world.up(), 1)
    offline(world, before[1])
    plan = world.plan(servers=[*TWO])
    assert before in templates(plan, 1)
    assert active(plan, "db").template not in {before[0], 0}


def test_templates_with_linked_clones_of_others_stay() -> None:
    world = World()
    for number in (1, 2, 3):
        world.up(number, standbyReleases=0)
    (template,) = templates(world.plan(3, standbyReleases=0), 1)
    world.set(Vm(500, template[1], "lab", "running"))
    world.change(clones={**world.inventory.clones, template[0]: [500]})
    plan = world.up(4, standbyReleases=0)
    assert [record.name for record in plan.records][-1] == release(1).name
    assert any("lab" in warning and "stays" in warning for warning in plan.warnings)
    world.remove(500)
    world.change(clones={**world.inventory.clones, template[0]: []})
    assert template[0] not in {vm.id for vm in _after(world, 4)}


def _after(world: World, number: int) -> list[Vm]:
    world.up(number, standbyReleases=0)
    return list(world.inventory.vms)


def test_a_template_of_a_standby_stays() -> None:
    world = World()
    core: dict[str, Any] = {"retainReleases": 2, "standbyReleases": 1}
    for number in (1, 2, 3):
        plan = world.up(number, TWO, **core)
    standing = {machine.template for machine in plan.machines.standby}
    assert standing <= {vm.id for vm in world.inventory.vms if vm.template}


def test_addresses_are_given_once_and_kept() -> None:
    world = World()
    pool = [server(addresses=ADDRESSES, gateway="192.0.2.1")]
    seen = [active(world.up(number, pool)).address for number in (1, 2, 3, 4)]
    assert seen[:3] == ADDRESSES
    assert seen[3] == ADDRESSES[0]
    nothing_happens(world, 4, pool)
    assert active(world.plan(4, pool)).verification.addressing == "static"
    tagged = [vm.marks.address for vm in world.inventory.vms if vm.marks.machine]
    assert len(tagged) == len(set(tagged))


def test_too_few_addresses_are_refused_before_anything_happens() -> None:
    world = World()
    few = [server(addresses=ADDRESSES[:2])]
    expected = ("addresses-too-few", "flakeship:servers[web].proxmox.addresses")
    error = refused(world, 1, few)
    assert (error.code, error.key) == expected
    assert (error.given, error.allowed.partition(" ")[0]) == ("2", "3")
    assert "standbyReleases" in error.remedy
    one = refused(world, 1, [server(addresses=ADDRESSES[:1])], standbyReleases=0)
    assert (one.given, one.allowed.partition(" ")[0]) == ("1", "2")
    assert "standbyReleases" not in one.remedy
    assert World().plan(1, few, standbyReleases=0)
    # from DHCP to such addresses is the first machine that gets one
    world.up(1)
    assert refused(world, 2, few).code == "addresses-too-few"


def test_addresses_that_became_too_few_are_told_until_a_release_needs_one() -> None:
    world = World()
    world.up(1, [server(addresses=ADDRESSES, gateway="192.0.2.1")])
    few = [server(addresses=ADDRESSES[:2], gateway="192.0.2.1")]
    (warning,) = world.plan(1, few).warnings
    assert warning.startswith("flakeship:servers[web].proxmox.addresses: a later release")
    world.up(2, few)
    assert refused(world, 3, few).code == "addresses-too-few"


def test_servers_may_share_a_pool_of_addresses() -> None:
    many = [f"192.0.2.{number}/24" for number in range(10, 19)]
    plan = World().up(servers=[{**server(addresses=many), "count": 3}])
    assert len({machine.address for machine in plan.machines.active}) == 3
    error = refused(World(), servers=[{**server(addresses=many[1:]), "count": 3}])
    assert (error.code, error.given) == ("addresses-too-few", "8")
    assert "9 for 3 servers" in error.allowed


def test_a_change_of_the_pool_alone_changes_no_machine() -> None:
    world = World()
    made = active(world.up(servers=[server(addresses=ADDRESSES)]))
    more = [server(addresses=[*reversed(ADDRESSES), "192.0.2.13/24"])]
    assert (
        active(world.plan(servers=more)) == made or active(world.plan(servers=more)).id == made.id
    )
    other = active(world.plan(servers=[server(addresses=ADDRESSES, gateway="192.0.2.1")]))
    assert other.id != made.id


CHANGES: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"memory": "1G"}, {}, True),
    ({"vcpus": 4}, {}, True),
    ({"disk": "3G"}, {}, True),
    ({"disk": "1500M"}, {}, False),  # 2 GiB as before
    ({}, {"bridge": "vmbr1"}, True),
    ({}, {"vlan": 20}, True),
    ({}, {"cpu": "host"}, True),
    ({}, {"bootOrder": ["network", "disk"]}, True),
    ({}, {"startOnBoot": False}, False),
    ({}, {"serviceAddress": "192.0.2.80/24"}, False),
    ({}, {"ha": True}, False),
    ({"ports": [80]}, {}, False),
]


@pytest.mark.parametrize(("core", "own", "another"), CHANGES)
def test_what_needs_another_machine(
    core: dict[str, Any], own: dict[str, Any], *, another: bool
) -> None:
    world = World()
    granted = {**world.inventory.permissions, "/": {"SDN.Use": 1, "Sys.Audit": 1, "Sys.Console": 1}}
    world.change(permissions=granted)
    made = active(world.up())
    plan = world.up(servers=[{**server(**own), **core}])
    assert (active(plan).id != made.id) is another
    if core.get("disk") != "1500M":
        assert plan.summary.planned
    nothing_happens(world, servers=[{**server(**own), **core}])


def test_a_full_clone_stays_one_and_a_linked_one_too() -> None:
    world = World()
    made = active(world.up())
    assert made.clone == "linked"
    full = {"clone": "full"}
    assert active(world.plan(own=full)).clone == "linked"
    assert active(world.plan(2, own=full)).clone == "full"


def test_ids_that_somebody_uses_are_left_alone() -> None:
    world = World()
    world.set(
        *(Vm(vmid, "pve1", "theirs") for vmid in (9000, 9002)),
        Vm(9003, "pve1", "ct", container=True),
    )
    world.up()
    assert {vm.name for vm in world.inventory.vms if vm.id in {9000, 9002, 9003}} == {
        "theirs",
        "ct",
    }


def test_a_range_that_is_used_up_is_told_with_its_users() -> None:
    world = World()
    world.set(*(Vm(vmid, "pve1", f"vm{vmid}") for vmid in range(9000, 9012)))
    error = refused(world, own={"vmIds": "9000-9012"})
    assert (error.code, error.key) == ("ids-used-up", "flakeship:proxmox.vmIds")
    assert "vm9000" in error.details[0]
    assert "not of this stack" in error.details[0]


def taken(world: World, vmid: int) -> None:
    world.set(Vm(vmid, "pve1", "theirs", "running"))


@pytest.mark.parametrize("what", ["machine", "template"])
def test_somebody_elses_machine_with_an_id_of_ours_is_never_touched(what: str) -> None:
    world = World()
    plan = world.up()
    vmid = active(plan).vmid if what == "machine" else templates(plan, 1)[0][0]
    taken(world, vmid)
    error = refused(world, 2)
    assert (error.code, error.key) == ("id-taken", f"id {vmid}")
    assert "theirs" in error.what
    assert refused(world, 1).code == "id-taken"
    # once the resource is removed from the state
    again = world.plan(1, own={"abandonedIds": [vmid]})
    assert vmid not in {machine.vmid for machine in again.machines.active}
    assert vmid not in {found for found, _ in templates(again, 1)}


def test_a_machine_that_the_token_may_not_see_any_more_is_not_lost() -> None:
    world = World()
    vmid = active(world.up()).vmid
    world.remove(vmid)
    world.change(hidden=[vmid])
    error = refused(world)
    assert (error.code, error.key) == ("id-hidden", f"id {vmid}")
    assert f"pveum pool modify iac --vms {vmid}" in error.remedy


def test_one_that_is_not_listed_is_not_lost_where_its_id_is_not_asked_about() -> None:
    """Only ids of the range are: whether the token may not see it, or it is gone, is not known."""
    world = World()
    vmid = active(world.up()).vmid
    world.remove(vmid)
    world.change(everything=False)
    assert active(world.plan()).vmid != vmid
    error = refused(world, own={"vmIds": "9200-9299"})
    assert (error.code, error.key) == ("id-unknown", f"id {vmid}")
    assert f"vmIds include {vmid}" in error.remedy
    world.change(everything=True)
    assert active(world.plan(own={"vmIds": "9200-9299"})).vmid == 9200


def test_a_machine_whose_tags_were_removed_is_known_by_its_name() -> None:
    world = World()
    made = active(world.up())
    world.set(replace(world.vms[made.vmid], marks=Marks()))
    assert active(world.plan()).id == made.id
    (warning,) = world.plan().warnings
    assert f"qm set {made.vmid} --tags" in warning


def test_a_machine_that_is_not_listed_with_its_name_yet_is_no_stranger() -> None:
    world = World()
    made = active(world.up())
    world.set(Vm(made.vmid, made.node, status="unknown"))
    plan = world.plan()
    assert active(plan).id == made.id
    assert (plan.repairs, plan.warnings) == ({}, [])


@pytest.mark.parametrize("tagged", [True, False])
def test_a_machine_whose_removal_failed_is_not_taken_again(tagged: bool) -> None:
    """Its resource has left the state: the plugin would make it again, under an id that is used."""
    world = World()
    both = world.up(servers=TWO)
    kept = world.vms[active(both).vmid]
    world.up(servers=[TWO[1]])
    world.set(kept if tagged else replace(kept, marks=Marks()))
    plan = world.up(servers=TWO)
    assert active(plan).id != kept.name
    assert active(plan).vmid != kept.id
    assert kept.id in {each.vmid for each in plan.leaving}
    assert any(kept.name in warning for warning in plan.warnings)


def test_a_template_whose_removal_failed_is_not_taken_again() -> None:
    world = World()
    alone: dict[str, Any] = {"retainReleases": 1, "standbyReleases": 0}
    ((kept,),) = world.up(1, **alone).templates.templates.values()
    before = world.vms[kept.vmid]
    world.up(2, **alone)
    assert kept.vmid not in world.vms
    world.set(before)
    plan = world.up(1, **alone)
    assert kept.vmid not in {e.vmid for found in plan.templates.templates.values() for e in found}
    assert kept.vmid in {each.vmid for each in plan.leaving}


def test_a_copy_made_by_hand_is_not_taken_for_a_machine() -> None:
    world = World()
    plan = world.up()
    original = world.vms[active(plan).vmid]
    copied = marks(500, tags(original.id, original.marks))
    world.set(replace(original, id=500, name="Copy-of-web", marks=copied))
    nothing_happens(world)


def test_an_id_is_not_given_away_while_the_state_may_hold_it() -> None:
    world = World()
    core: dict[str, Any] = {"standbyReleases": 0, "retainReleases": 1}
    world.up(1, **core)
    gone = {*world.vms}
    assert {each.vmid for each in world.up(2, **core).leaving} == gone
    third = world.up(3, **core)
    assert not {*world.vms} & gone
    # their removal has been tried again by now
    assert not {each.vmid for each in third.leaving} & gone
    world.up(4, **core)
    assert {*world.vms} & gone


def test_an_id_that_a_run_has_given_up_may_still_be_in_its_state() -> None:
    world = World()
    core: dict[str, Any] = {"standbyReleases": 0, "retainReleases": 1}
    gone = active(world.up(1, **core)).vmid
    world.up(2, **core)
    taken(world, gone)
    assert refused(world, 2, **core).code == "id-taken"
    own = {"abandonedIds": [gone]}
    world.up(2, own=own, **core)
    assert world.up(3, **core), "it is another one's for good"


def test_two_stacks_in_one_range_do_not_meet() -> None:
    world, other = World(), World()
    world.up()
    other.inventory = world.inventory
    other.up(stack="prod")
    assert len(other.inventory.vms) == 2 * len(world.inventory.vms)
    world.inventory = other.inventory
    nothing_happens(world)
    world.up(2)
    assert {vm.marks.stack for vm in world.inventory.vms} == {"dev", "prod"}


def test_a_release_without_a_known_disk_is_checked_when_it_is_built() -> None:
    auto = replace(release(1), disk="auto")
    plan = World().plan(auto, [{"name": "web", "disk": "3G"}, {"name": "db", "disk": "2500M"}])
    assert plan.max_image_disk == {auto.name: 3072}


def test_another_way_to_the_api_is_told_before_everything_is_updated() -> None:
    world = World()
    world.up()
    file = {"caFile": "/etc/hostname", "tokenFile": "/etc/hostname"}
    _, told = world.plan(own=file).facts
    assert "tokenFile and caFile of flakeship:proxmox changed" in told
    world.up(own=file)
    assert len(world.plan(own=file).facts) == 1
    del world.outputs["proxmox"]["access"]  # as an older version left it
    assert len(world.plan().facts) == 1


def test_what_is_asked_of_the_cluster() -> None:
    everywhere = inspect_request("dev", read([{"name": "web", "count": 3}]))
    assert (everywhere.machines, everywhere.templates, everywhere.nodes) == (12, 7, [])
    named = read([server("web", node="b"), server("db")], {"nodes": ["a"]})
    assert inspect_request("dev", named).nodes == ["a", "b"]
    assert inspect_request("dev", read([server(node="b")])).nodes == ["b"]
    assert inspect_request("dev", read([server(node="b"), {"name": "db"}])).nodes == []


def test_other_inventories_are_other_plans() -> None:
    one = World(inventory(nodes=nodes("pve1", "pve2"))).plan()
    two = World(inventory(nodes=[*reversed(nodes("pve2", "pve1"))])).plan()
    assert active(one).node == "pve1"
    assert active(two).node == "pve2"
    assert isinstance(one.context.inventory, Inventory)
