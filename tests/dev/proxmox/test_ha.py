"""High availability: entries, and what Proxmox VE does with a VM that has one."""

from __future__ import annotations

import pytest

from dev.proxmox.server import Server
from tests.dev.proxmox.client import Client

RESOURCES = "/cluster/ha/resources"


@pytest.fixture
def managed(lab: Server, operator: Client, template: str) -> str:
    """The path of a running VM that is managed."""
    lab.lab.restart_seconds = 0.0
    assert operator.do("POST", f"{template}/clone", newid="101", full="0") == "OK"
    assert operator.do("POST", "/nodes/pve/qemu/101/status/start") == "OK"
    fields = [("sid", "vm:101"), ("state", "started")]
    assert operator.send("POST", RESOURCES, fields).status == 200
    return "/nodes/pve/qemu/101"


def test_an_entry(operator: Client, managed: str) -> None:
    shown = operator.get(f"{RESOURCES}/vm:101")
    assert (shown["sid"], shown["type"], shown["state"]) == ("vm:101", "vm", "started")
    assert operator.get(f"{managed}/status/current")["ha"]["managed"] == 1
    changed = [("max_restart", "3"), ("delete", "state")]
    assert operator.send("PUT", f"{RESOURCES}/101", changed).status == 200
    shown = operator.get(f"{RESOURCES}/vm:101")
    assert (shown["max_restart"], "state" in shown) == (3, False)
    assert operator.send("DELETE", f"{RESOURCES}/vm:101").status == 200
    assert operator.get(f"{managed}/status/current")["ha"]["managed"] == 0


@pytest.mark.usefixtures("managed")
def test_what_is_refused(operator: Client, automation: Client) -> None:
    def said(method: str, path: str, **fields: str) -> str:
        answer = operator.send(method, path, list(fields.items()))
        assert answer.status == 500
        return answer.reason

    assert "already defined" in said("POST", RESOURCES, sid="vm:101")
    assert "does not exists in cluster" in said("POST", RESOURCES, sid="vm:102")
    assert "no such resource" in said("GET", f"{RESOURCES}/vm:102")
    assert "no such resource" in said("PUT", f"{RESOURCES}/vm:102", state="started")
    assert "not HA managed" in said("DELETE", f"{RESOURCES}/vm:102")
    assert "migrated to rules" in said("PUT", f"{RESOURCES}/vm:101", group="fast")
    for method, path in (("GET", f"{RESOURCES}/vm:101"), ("DELETE", f"{RESOURCES}/vm:101")):
        assert automation.send(method, path).status == 403


def test_a_stop_is_asked_for_and_a_removal_needs_purge(operator: Client, managed: str) -> None:
    assert operator.do("POST", f"{managed}/status/stop") == "OK"
    while operator.get(f"{managed}/status/current")["status"] != "stopped":
        pass
    assert operator.get(f"{RESOURCES}/vm:101")["state"] == "stopped"
    refused = operator.send("DELETE", managed)
    assert (refused.status, "used in HA resources" in refused.reason) == (500, True)
    assert operator.do("DELETE", managed, purge="1") == "OK"
    assert operator.send("GET", f"{RESOURCES}/vm:101").status == 500
