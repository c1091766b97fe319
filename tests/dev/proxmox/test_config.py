"""Configurations: what waits for a VM's next start, what is hidden, and what stays of a disk."""

from __future__ import annotations

import pytest

from dev.proxmox.server import Server
from tests.dev.proxmox.client import Client

VM = "/nodes/pve/qemu/101"


@pytest.fixture
def vm(automation: Client, template: str) -> str:
    assert automation.do("POST", f"{template}/clone", newid="101", pool="iac") == "OK"
    return VM


def put(client: Client, **fields: str) -> None:
    assert client.send("PUT", f"{VM}/config", list(fields.items())).status == 200


def waiting(client: Client) -> dict[str, object]:
    return {each["key"]: each for each in client.get(f"{VM}/pending")}


def test_a_stopped_vm_changes_at_once(automation: Client, vm: str) -> None:
    put(automation, memory="320")
    assert automation.get(f"{vm}/config")["memory"] == "320"
    assert waiting(automation)["memory"] == {"key": "memory", "value": "320"}


def test_a_running_vm_changes_at_its_next_start(automation: Client, vm: str) -> None:
    put(automation, memory="256")
    assert automation.do("POST", f"{vm}/status/start") == "OK"
    put(automation, memory="320", description="said", delete="agent")
    found = waiting(automation)
    assert found["memory"] == {"key": "memory", "value": "256", "pending": "320"}
    assert found["agent"] == {"key": "agent", "value": "1", "delete": 1}
    assert found["description"] == {"key": "description", "value": "said"}
    assert automation.get(f"{vm}/status/current")["maxmem"] == 256 * 1024**2
    assert automation.do("POST", f"{vm}/status/stop") == "OK"
    assert automation.get(f"{vm}/status/current")["maxmem"] == 320 * 1024**2
    assert "agent" not in automation.get(f"{vm}/config")


def test_a_change_that_is_taken_back_is_none(automation: Client, vm: str) -> None:
    put(automation, memory="256")
    assert automation.do("POST", f"{vm}/status/start") == "OK"
    put(automation, memory="320")
    put(automation, memory="256")
    assert waiting(automation)["memory"] == {"key": "memory", "value": "256"}


def test_a_password_is_not_shown(lab: Server, automation: Client, vm: str) -> None:
    put(automation, cipassword="secret")
    assert automation.get(f"{vm}/config")["cipassword"] == "**********"
    assert waiting(automation)["cipassword"] == {"key": "cipassword", "value": "**********"}
    assert "secret" not in (lab.lab.site.folder / "nodes/pve/qemu-server/101.json").read_text()


def test_tags_are_sorted(automation: Client, vm: str) -> None:
    put(automation, tags="Web,a;web")
    assert automation.get(f"{vm}/config")["tags"] == "a;web"


def test_a_disk_that_is_detached_stays(automation: Client, vm: str) -> None:
    disk = automation.get(f"{vm}/config")["scsi0"].partition(",")[0]
    put(automation, delete="scsi0")
    assert automation.get(f"{vm}/config")["unused0"] == disk


def test_a_locked_vm_is_left_alone(lab: Server, automation: Client, vm: str) -> None:
    machine = lab.lab.machines.find("pve", 101)
    machine.config["lock"] = "backup"
    lab.lab.machines.save(machine)
    refused = automation.send("PUT", f"{vm}/config", [("memory", "320")])
    assert refused.reason == "VM is locked (backup)"
    assert automation.do("POST", f"{vm}/status/start") == "VM is locked (backup)"


def test_another_user_is_another_instance(automation: Client, vm: str) -> None:
    put(automation, ide2="local:cloudinit", ciuser="a")
    first = automation.get(f"{vm}/cloudinit/dump", type="meta")
    put(automation, ciuser="b")
    assert automation.get(f"{vm}/cloudinit/dump", type="meta") != first
