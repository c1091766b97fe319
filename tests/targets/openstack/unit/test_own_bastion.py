"""A bastion that the settings name: what is planned with it, and what the outputs say."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.evidence import Evidence
from flakeship.ssh import stored_login
from flakeship.ssh.options import SshOptions
from flakeship.state import outputs
from flakeship.targets.openstack import plan as planning
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.outputs import deployed, server_details, server_output
from flakeship.targets.openstack.plan import OpenStackTarget
from flakeship.targets.openstack.requests import OwnBastion
from flakeship.targets.openstack.settings import CloudSettings
from tests.targets.openstack.unit.flavors import INVENTORY
from tests.targets.openstack.unit.test_graph import deploy, hookless, stored_by
from tests.targets.openstack.unit.world import ADDRESS, PROVIDER, PUBLIC, WEB, World, settings
from tests.unit.model.test_ledger import release
from tests.unit.verify.machines import ED25519

__all__ = ["hookless"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICeIxbUloQWhF64FdGnGDgMSSBbdMXuxw7g2cfF1NyxX"
GATE = {"address": "2001:db8::7", "port": 2222, "user": "alice", "hostKey": f"{ED25519} root@gate"}
PRIVATE = {**WEB, "address": "none"}
OWN = OwnBastion("bastion", "2001:db8::7", "alice", [ED25519], 2222, "/50% gate")


def own(*servers: dict[str, Any], **gate: Any) -> CloudSettings:
    """Settings with a bastion, or with other keys of it."""
    through = {"network": "provider", "access": "bastion", "bastion": {**GATE, **gate}}
    return settings(*(servers or (PRIVATE,)), openstack=through)


def without() -> CloudSettings:
    return settings(PRIVATE, openstack={"network": "provider", "access": "bastion"})


def world() -> World:
    made = World()
    made.change(bastion_identity="/50% gate")
    return made


def test_every_machine_has_it_from_the_first_on() -> None:
    """An active server with an address does not take its place."""
    given, cloud = own(WEB, {**PRIVATE, "name": "db"}), world()
    assert [each.bastion for each in cloud.up(given, release(1)).machines.active] == [OWN, OWN]
    later = cloud.up(given, release(2)).machines.active
    assert [each.verification.bastion for each in later] == [OWN, OWN]
    assert cloud.plan(given, release(2)).machines.active == later


def test_a_test_server_has_it() -> None:
    block = {"network": "provider", "access": "bastion", "bastion": GATE}
    ephemeral = settings(openstack={**block, "testServer": {"ephemeral": True}})
    (machine,) = world().plan(ephemeral, release(1)).machines.active
    assert machine.bastion == OWN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (own(), own(hostKey=OTHER)),
        (own(), own(port=22)),
        (own(), without()),
        (without(), own()),
    ],
    ids=["key", "port", "removed", "added"],
)
def test_another_one_is_a_reason_to_check_the_same_machine(
    before: CloudSettings, after: CloudSettings
) -> None:
    """The machine is reached by another way, which nobody has tried."""
    cloud = world()
    (first,) = cloud.up(before, release(1)).machines.active
    (now,) = cloud.plan(after, release(1)).machines.active
    assert now.id == first.id
    assert now.bastion != first.bastion
    assert now.verification != first.verification


def test_no_floating_ip_is_needed() -> None:
    cloud = world()
    cloud.change(left={"floatingips": 0}, networks=[PROVIDER])
    assert cloud.plan(own(), release(1)).context.networks.pool == ""
    with pytest.raises(SettingError) as no_pool:
        cloud.plan(without(), release(1))
    assert no_pool.value.key == "flakeship:openstack.pool"
    cloud.change(networks=[PUBLIC, PROVIDER])
    with pytest.raises(FlakeshipError) as none_left:
        cloud.plan(without(), release(1))
    assert none_left.value.code == "quota-exceeded"


def test_its_key_is_its_own_or_that_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("gate %", "mine", "${x}"):
        (tmp_path / name).touch()

    def found(stack: str, gate: str) -> str:
        block = {"access": "bastion", "bastion": {**GATE, "identity": gate}}
        return planning.bastion_identity(settings(PRIVATE, openstack=block, identity=stack))

    assert found("mine", "gate %") == "gate %"
    assert found("mine", "~/gate %") == "~/gate %"
    assert found("mine", "") == "mine"
    assert found("", "") == ""
    block = {"access": "bastion", "bastion": {**GATE, "identity": "~/gate %"}}
    target = OpenStackTarget("dev", settings(PRIVATE, openstack=block, identity="mine"))

    async def inspected(name: str, request: object) -> Inventory:  # noqa: ARG001
        return INVENTORY

    inventory = asyncio.run(target.inspect(inspected, {}))
    assert (inventory.identity, inventory.bastion_identity) == ("mine", "~/gate %")
    with pytest.raises(FlakeshipError) as unusable:
        found("", "${x}")
    assert unusable.value.code == "path-unusable"
    assert unusable.value.key == "flakeship:openstack.bastion.identity"


def test_the_outputs_log_in_through_it() -> None:
    given, cloud = own(), world()
    plan = cloud.plan(given, release(1))
    (machine,) = plan.machines.active
    engine, done = deploy(plan)
    assert engine.made[f"Verification {machine.id}"]["bastion"]["address"] == OWN.address
    login = stored_login.read(done["servers"]["web"]["ssh"], "server web")
    assert login.words[-1] == f"{machine.release.user}@10.20.0.5"
    assert login.bastion == SshOptions(OWN.endpoint(""), [ED25519]).login()
    assert login.words[-2] == (
        "ProxyCommand=" + shlex.join([*login.bastion, "-W", "10.20.0.5:22"]).replace("%", "%%")
    )
    found = outputs.read(stored_by(done), "dev")
    assert deployed(found, "dev") == {"web": [machine]}
    assert server_details(found.servers["web"]).bastion is None


def test_a_server_with_an_address_is_reached_there() -> None:
    (machine,) = world().plan(own(WEB), release(1)).machines.active
    evidence = Evidence(machine.id, 1, [ED25519], 1.0, [])
    made = server_output(machine, ADDRESS, "10.20.0.5", evidence, "port-1")
    assert stored_login.read(made.ssh, "server web").bastion == ()
    assert server_details(made).bastion
