"""The graph of a stack: what waits for what, above all that no address moves unverified."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from flakeship.model.codec import plain
from flakeship.model.release import Artifact, File
from flakeship.state import outputs
from flakeship.targets.openstack.inventory import Server
from flakeship.targets.openstack.outputs import deployed, server_details, stack_details
from flakeship.targets.openstack.plan import StackPlan
from flakeship.targets.openstack.resources import ACCEPTANCE, CUTOVER, SERVER, SHARE
from flakeship.targets.openstack.settings import CloudSettings
from tests.pulumi_mocks import Engine, run
from tests.targets.openstack.unit.promoting import (
    FOREIGN,
    HERE,
    NAME,
    OWN,
    THERE,
    Promoting,
    upstream,
)
from tests.targets.openstack.unit.test_components import COMMANDS, OUTPUTS
from tests.targets.openstack.unit.test_sharing import OWNER
from tests.targets.openstack.unit.world import ADDRESS, WEB, World, settings
from tests.unit.model.test_ledger import release

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

VISIBILITY = "ImageVisibility image-visibility"


@pytest.fixture(autouse=True)
def hookless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mocks have no server that hooks could call back."""
    monkeypatch.setattr(pulumi, "ErrorHook", lambda *_: None)
    monkeypatch.setattr(pulumi, "ResourceHook", lambda *_: None)
    monkeypatch.setattr(pulumi, "ResourceHookBinding", lambda **_: None)


def build(request: dict[str, Any]) -> dict[str, Any]:
    return plain(Artifact((File(f"/{request['release']}", 1, "ab" * 64),), 2048))


BUILD: dict[str, Callable[[dict[str, Any]], object]] = {
    "build-image": build,
    "flakeship:openstack:ImageVisibility": lambda _: {},
}


def deploy(plan: StackPlan, **commands: Callable[[dict[str, Any]], object]) -> tuple[Engine, Any]:
    """Declare a plan; the engine, and all outputs of the deployment."""
    from components.nix_image import NixImage  # noqa: PLC0415
    from components.openstack.graph import GRAPH  # noqa: PLC0415

    def program() -> pulumi.Output[Any]:
        kept = [*plan.releases.values(), *(record.release for record in plan.records)]
        images = {r.name: NixImage(r.name, {"release": r, "stack": "dev"}) for r in kept}
        done = GRAPH(plan, images)
        return pulumi.Output.all(
            evidence=pulumi.Output.all(*done.evidence),
            servers=pulumi.Output.all(**done.servers).apply(dict),
            machines=pulumi.Output.all(**done.machines),
            details=pulumi.Output.all(**done.details),
        )

    return run(program, {**COMMANDS, **BUILD, **commands}, OUTPUTS)


def stored_by(done: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a deployment as the stack's state keeps them."""
    return {
        "flakeship": outputs.header("openstack"),
        "running": {"web": "web-11111111"},
        "servers": done["servers"],
        "machines": done["machines"],
        "openstack": done["details"],
    }


def cutovers(engine: Engine) -> set[str]:
    return {name for name in engine.types if name.startswith(f"{CUTOVER.prefix}-")}


def test_no_address_moves_before_its_machine_is_verified() -> None:
    """The safety property: every association depends on the verification of its own machine."""
    world = World()
    given = settings(WEB, {"name": "db", "count": 2}, {"name": "job", "address": "none"})
    world.up(given, release(1))
    plan = world.plan(given, release(2))
    engine, _ = deploy(plan)
    active = {machine.server.name: machine.id for machine in plan.machines.active}
    assert cutovers(engine) == {CUTOVER.name(name) for name in active if name != "job"}
    for name in active.keys() - {"job"}:
        association = CUTOVER.name(name)
        assert engine.types[association] == (
            "openstack:networking/floatingIpAssociate:FloatingIpAssociate"
        )
        assert engine.made[association]["portId"] == f"id-of-port-{active[name]}"
        assert f"Verification {active[name]}" in engine.depends(association)


def test_where_the_verification_fails_no_address_moves_and_no_image_is_shown() -> None:
    def fail(_: dict[str, Any]) -> object:
        raise RuntimeError("a check failed")

    made: list[Engine] = []
    original = Engine.__init__

    def keep(self: Engine, *args: Any) -> None:
        original(self, *args)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", keep)
        with pytest.raises(Exception, match="a check failed"):
            deploy(
                World().plan(settings(WEB), release(1)),
                **{"flakeship:openstack:Verification": fail},
            )
    (engine,) = made
    assert [name for name in engine.types if name.startswith(f"{SERVER.prefix}-web")]
    assert cutovers(engine) == set()
    assert VISIBILITY not in engine.types


def test_a_standby_stays_as_it_is_without_a_cutover_and_its_image_is_hidden() -> None:
    world = World()
    world.up(settings(WEB), release(1))
    plan = world.plan(settings(WEB), release(2))
    engine, _ = deploy(plan)
    (active,), (standby,) = plan.machines.active, plan.machines.standby
    assert {SERVER.name(active.id), SERVER.name(standby.id)} <= {*engine.made}
    assert engine.made[CUTOVER.name("web")]["portId"] == f"id-of-port-{active.id}"
    assert engine.made[VISIBILITY] == {"hidden": ["image-1"], "shown": ["image-1"]}
    assert f"Verification {active.id}" in engine.depends(VISIBILITY)
    assert CUTOVER.name("web") in engine.depends(VISIBILITY)


def test_a_standby_keeps_the_flavor_that_it_was_made_with() -> None:
    """Another flavor of the same name, created anew, would resize it."""
    world = World()
    (first,) = world.up(settings(WEB), release(1)).machines.active
    anew = [
        replace(each, id="anew") if each.name == first.flavor.name else each
        for each in world.inventory.flavors
    ]
    world.change(flavors=anew)
    plan = world.plan(settings(WEB), release(2))
    engine, _ = deploy(plan)
    flavors = {m.id: engine.made[SERVER.name(m.id)]["flavorId"] for m in plan.machines.active}
    assert [*flavors.values()] == ["anew"]
    assert engine.made[SERVER.name(first.id)]["flavorId"] == first.flavor.id


def test_servers_boot_in_batches() -> None:
    given = settings({**WEB, "count": 3}, openstack={"bootConcurrency": 2})
    plan = World().plan(given, release(1))
    engine, _ = deploy(plan)
    one, two, three = (machine.id for machine in plan.machines.active)
    assert f"Verification {one}" in engine.depends(SERVER.name(three))
    for machine in (one, two):
        assert not [each for each in engine.depends(SERVER.name(machine)) if "Verification" in each]


def test_servers_share_what_they_have_in_common() -> None:
    placed = settings({**WEB, "count": 2}, openstack={"placement": "anti-affinity"})
    engine, _ = deploy(World().plan(placed, release(1)))
    kinds = [*engine.types.values()]
    for shared in ("secGroup:SecGroup", "serverGroup:ServerGroup", "network:Network"):
        assert sum(kind.endswith(shared) for kind in kinds) == 1, shared
    assert [name for name, kind in engine.types.items() if kind.endswith("FlavorSelection")] == [
        "FlavorSelection s1.tiny"
    ]


@pytest.mark.parametrize(("address", "moves"), [("none", False), ("192.0.2.1", True)])
def test_an_address_that_is_not_ours_is_not_made(address: str, moves: bool) -> None:
    world = World()
    world.change(addresses=[replace(world_address(), address="192.0.2.1")])
    engine, done = deploy(world.plan(settings({**WEB, "address": address}), release(1)))
    assert not [kind for kind in engine.types.values() if kind.endswith(":FloatingIp")]
    assert bool(cutovers(engine)) == moves
    assert done["servers"]["web"]["address"] == (address if moves else "10.20.0.5")


def world_address() -> Any:
    from flakeship.targets.openstack.inventory import Address  # noqa: PLC0415

    return Address(ADDRESS)


def test_a_stack_without_servers_has_a_test_server() -> None:
    ephemeral: dict[str, Any] = {"testServer": {"ephemeral": True}}
    engine, done = deploy(World().plan(settings(openstack=ephemeral), release(1)))
    assert not [kind for kind in engine.types.values() if kind.endswith("Instance")]
    assert len(done["evidence"]) == 1
    assert done["servers"] == {}


def test_the_outputs_are_what_the_next_run_plans_from() -> None:
    world = World()
    given: CloudSettings = settings(WEB)
    plan = world.plan(given, release(1))
    _, done = deploy(plan)
    stored = stored_by(done)
    found = outputs.read(stored, "dev")
    assert deployed(found, "dev") == {"web": plan.machines.active}
    details = stack_details(found, "dev")
    assert (details.project, details.published["web-11111111"].id) == ("0badc0de", "image-1")
    server = server_details(found.servers["web"])
    (machine,) = plan.machines.active
    assert (server.port, server.released) == (f"id-of-port-{machine.id}", True)
    assert server.bastion
    assert server.bastion.address == "203.0.113.7"
    world.before = stored
    running = Server("id-1", machine.id, "ACTIVE", "image-1", stack="dev")
    world.change(servers=[running])
    assert world.plan(given, release(1)).machines.active == [machine]


def test_a_borrowed_image_is_only_booted() -> None:
    world = Promoting()
    plan = world.promote(FOREIGN, before=upstream(THERE))
    engine, done = deploy(plan)
    (machine,) = plan.machines.active
    accepted = engine.made[ACCEPTANCE.name(NAME)]
    assert accepted == {"imageId": "id-1", "memberId": HERE, "status": "accepted"}
    assert engine.made[SERVER.name(machine.id)]["imageId"] == "id-1"
    assert ACCEPTANCE.name(NAME) in engine.depends(SERVER.name(machine.id))
    assert not [kind for kind in engine.types.values() if kind.endswith(":GlanceImage")]
    assert VISIBILITY not in engine.made
    details = stack_details(outputs.read(stored_by(done), "staging"), "staging")
    assert (details.published, details.borrowed) == ({}, plan.borrowing.images)


def test_an_image_of_the_same_project_needs_no_membership() -> None:
    engine, done = deploy(Promoting().promote(OWN))
    assert not [kind for kind in engine.types.values() if "imageAccess" in kind]
    assert done["details"]["borrowed"][NAME]["id"] == "id-1"


def test_images_are_shared_once_all_is_verified() -> None:
    plan = World().plan(OWNER, release(1))
    engine, done = deploy(plan)
    (machine,) = plan.machines.active
    share = SHARE.name(f"{NAME}-{THERE}")
    assert engine.made[share] == {"imageId": "image-1", "memberId": THERE}
    assert {f"Verification {machine.id}", CUTOVER.name("web")} <= {*engine.depends(share)}
    assert "borrowed" not in done["details"]
