"""Answers that nobody would give: what is read of them can be planned from, or it is refused."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.text import clean
from flakeship.ssh import host_keys
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import answers
from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.guest import agent
from flakeship.targets.proxmox.guest.address import leased
from flakeship.targets.proxmox.guest.agent import AgentError
from flakeship.targets.proxmox.inventory import Inventory
from flakeship.targets.proxmox.resources import Marks, marks, tags
from tests.fuzz.subject import readable
from tests.fuzz.values import changed
from tests.targets.proxmox.unit.cluster import recorded
from tests.targets.proxmox.unit.machine import card
from tests.targets.proxmox.unit.world import World, inventory
from tests.unit.verify.machines import ED25519

LOGIN = Login("https://pve1:8006", "iac@pve!ci", "iac@pve!ci=x")
VOLUMES = [
    {"volid": "local:9000/base-9000-disk-0.qcow2/9001/vm-9001-disk-0.qcow2", "vmid": 9001},
    {"volid": "local-lvm:vm-78-disk-0", "parent": "local-lvm:base-9000-disk-0@x", "vmid": 78},
]


def resources() -> list[Any]:
    """What the genuine API lists, with a template and a machine of ours."""
    found: list[Any] = copy.deepcopy(recorded("9.2")["answers"]["cluster/resources"]["data"])
    for vmid, own in (
        (9000, Marks("dev", release="web-11111111")),
        (9001, Marks("dev", "web-1-2")),
    ):
        tagged = ";".join(tags(vmid, own))
        found.append({"type": "qemu", "vmid": vmid, "node": "pve", "name": "x", "tags": tagged})
    return found


def read(kind: Any, data: object) -> Any:
    text = json.dumps({"data": data}).encode("utf-8", "surrogatepass")
    return answers.read(kind, answers.data(text, "GET x", LOGIN), "GET x", LOGIN)


def plan_from(entries: list[listed.Resource], clones: dict[int, list[int]]) -> None:
    """Plan from what was listed; it goes to the program as JSON before."""
    world = World(
        inventory(
            "pve",
            nodes=listed.nodes(entries),
            storages=listed.storages(entries),
            vms=listed.vms(entries),
            pools=listed.pools(entries),
            clones=clones,
        )
    )
    found = replace(world.inventory, free=[9002])
    assert codec.parse(Inventory, codec.text(Inventory, found)) == found
    storage = {"images": "local", "disks": "local"}
    granted = {name: 1 for each in found.permissions.values() for name in each}
    world.change(permissions={"/": granted})
    plan = world.plan(own={"storage": storage})
    readable(plan.summary.planned)
    assert all(machine.vmid >= 100 for machine in plan.machines.active)
    assert not {machine.vmid for machine in plan.machines.active} & {9000}


def refused(error: FlakeshipError) -> None:
    readable(str(error))
    assert error.code


QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])


@QUIET
@example(resources(), VOLUMES)
@given(changed([resources()]), changed([VOLUMES]))
def test_lists_of_any_shape(data: Any, volumes: Any) -> None:
    try:
        entries = read(list[listed.Resource], data)
        clones = listed.clones(read(list[listed.Volume], volumes))
        plan_from(entries, clones)
    except FlakeshipError as error:
        refused(error)


@QUIET
@given(changed([{"/": {"VM.Audit": 1}, "/pool/iac": {"VM.Clone": 0}}]))
def test_permissions_of_any_shape(data: Any) -> None:
    try:
        found = read(listed.Privileges, data)
    except FlakeshipError as error:
        refused(error)
    else:
        world = World(inventory(permissions=found))
        with pytest.raises(FlakeshipError) as caught:
            world.plan()
        readable(str(caught.value))


@QUIET
@given(st.integers(1, 10**9), st.lists(st.text()))
def test_tags_of_any_kind_are_nobodys(vmid: int, given: list[str]) -> None:
    assert marks(vmid, given) == Marks() or f"flakeship_id.{vmid}" in given


@QUIET
@given(st.binary() | changed([{"data": {}}]).map(lambda it: json.dumps(it).encode()))
def test_a_body_of_any_bytes(body: bytes) -> None:
    answers.said(body, "reason")
    try:
        answers.data(body, "GET x", LOGIN)
    except FlakeshipError as error:
        refused(error)


class Says:
    """A machine whose agent gives an answer of any shape to everything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, kind: Any, *path: str, **_: str) -> Any:
        return read(
            kind, {"net0": "virtio=BC:24:11:00:00:01"} if path == ("config",) else self.answer
        )


CARDS = {"result": [card("eth0", "bc:24:11:00:00:01", "192.0.2.10", "2001:db8::1")]}
KEY = {"content": f"{ED25519} root@web\n", "bytes-read": 90, "truncated": 0}


@QUIET
@example(CARDS)
@example(KEY)
@given(changed([CARDS, KEY]))
def test_an_agents_answers_of_any_shape(answer: Any) -> None:
    machine: Any = Says(answer)
    with suppress(AgentError):
        found = agent.addresses(machine)
        assert all(each is None or agent.usable(str(each)) for each in (found.ipv4, found.ipv6))
    with suppress(AgentError):
        assert all(host_keys.fingerprint(key) for key in agent.keys(machine))


@QUIET
@given(st.text() | st.text("ci-info: |True.0123456789 leased for/"))
def test_a_lease_of_any_text(text: str) -> None:
    found = leased(clean(text))
    assert not found or agent.usable(found)
