"""What a target declares: no address moves before its machine is verified."""

from __future__ import annotations

from importlib import import_module

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.nix import store
from flakeship.state import outputs
from flakeship.state.resources import VERIFICATION, Kind
from tests.conformance.small_engine import Resource, Run
from tests.conformance.stack import Deployed
from tests.unit.model.test_ledger import release

# a provider's package may import what is deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def cutover(target: str) -> Kind:
    kind: Kind = import_module(f"flakeship.targets.{target}.resources").CUTOVER
    return kind


def cutovers(run: Run, target: str) -> dict[str, Resource]:
    """The resource that moves each server, not the component around it."""
    found = {cutover(target).subject(each.type, each.urn): each for each in run.resources.values()}
    return {server: each for server, each in found.items() if server}


def test_a_cutover_waits_for_the_verification_of_its_machine(deployed: Deployed) -> None:
    deployed.up()
    run = deployed.up(release(2))
    moved = cutovers(run, deployed.target)
    assert moved.keys() == run.outputs["servers"].keys() == {"web", "db"}
    for server, resource in moved.items():
        machine = run.outputs["servers"][server]["machine"]
        assert VERIFICATION.name(machine) in run.closure(resource)


def test_only_a_run_that_needs_files_is_refused_without_them(deployed: Deployed) -> None:
    deployed.patch.setattr(store, "substituters", list)
    deployed.up()
    before = deployed.up(release(2))
    deployed.here = False
    assert deployed.up(release(2)).outputs == before.outputs
    one = release(1)
    kept = [warning for warning in deployed.last.warnings if one.name in warning]
    if not kept:  # the target has its image, so it is no matter where this runs
        assert deployed.up(one).outputs["running"] == {"web": one.name}
        return
    with pytest.raises(FlakeshipError) as refused:
        deployed.up(one)
    assert (refused.value.code, refused.value.key) == ("store-path-missing", one.name)
    assert one.out in refused.value.remedy
    assert deployed.last.resources.keys() == before.resources.keys()
    assert deployed.last.outputs == before.outputs


def test_where_a_verification_fails_nothing_moves(deployed: Deployed) -> None:
    before = deployed.up()
    moved = {name: each.inputs for name, each in cutovers(before, deployed.target).items()}
    with pytest.raises(Exception, match="a check failed"):
        deployed.up(release(2), fail="Verification")
    after = cutovers(deployed.last, deployed.target)
    assert {name: each.inputs for name, each in after.items()} == moved
    assert deployed.last.outputs == before.outputs


def test_nothing_that_serves_is_touched_by_a_new_release(deployed: Deployed) -> None:
    first = deployed.up()
    serving = {server["machine"] for server in first.outputs["servers"].values()}
    second = deployed.up(release(2))
    for urn, old in first.resources.items():
        now = second.resources.get(urn)
        if now and any(machine in old.name for machine in serving):
            assert now.change == "same", urn
        if now and now.change == "update" and not now.type.endswith(":ImageVisibility"):
            assert cutover(deployed.target).subject(now.type, urn), urn
    # the cutover is the same resource, so there is no moment without one
    assert all(each.change == "update" for each in cutovers(second, deployed.target).values())
    assert not serving & {server["machine"] for server in second.outputs["servers"].values()}


def test_a_second_run_changes_nothing_and_warns_of_nothing(deployed: Deployed) -> None:
    first = deployed.up()
    second = deployed.up()
    changed = {urn for urn, each in second.resources.items() if each.change != "same"}
    assert changed == set()
    assert second.resources.keys() == first.resources.keys()
    assert second.outputs == first.outputs
    assert second.warnings == []


def test_a_release_that_comes_back_is_the_machine_that_was(deployed: Deployed) -> None:
    first = deployed.up()
    deployed.up(release(2))
    again = deployed.up(release(1))
    assert again.outputs["running"] == first.outputs["running"]
    for name, server in again.outputs["servers"].items():
        assert server["machine"] == first.outputs["servers"][name]["machine"]


def test_the_outputs_have_every_server(deployed: Deployed) -> None:
    run = deployed.up()
    found = outputs.read(run.outputs, "dev")
    assert found.target == deployed.target
    assert found.running == {"web": release(1).name}
    assert [record.name for record in found.ledger] == [release(1).name]
    assert found.servers.keys() == {"web", "db"}
    for server in found.servers.values():
        assert server.target == deployed.target
        assert server.release == release(1).name
        assert server.address
        assert VERIFICATION.name(server.machine) in {r.name for r in run.resources.values()}
    if deployed.spec.features.standby:
        assert found.machines.keys() == {"web", "db"}


def test_components_have_types_of_the_target_and_own_what_they_make(deployed: Deployed) -> None:
    run = deployed.up()
    own = f"flakeship:{deployed.target}:"
    components = [r for r in run.resources.values() if r.type.startswith("flakeship:")]
    assert any(each.type.startswith(own) for each in components)
    for each in components:
        assert each.type.startswith((own, "flakeship:index:"))
        children = [r for r in run.resources.values() if r.parent == each.urn]
        assert children or each.id, f"{each.urn} has made nothing"
    names = [each.urn for each in run.resources.values()]
    assert len(names) == len(set(names))
