"""The faults that a test can switch on, each with its effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.proxmox.server import Server
from tests.dev.proxmox.client import Client
from tests.dev.proxmox.no_guests import NoGuests


def switch(lab: Server, **faults: object) -> None:
    lab.lab.site.write("faults.json", faults)


def test_a_request_is_refused_as_often_as_wanted(lab: Server, automation: Client) -> None:
    switch(lab, requests=[{"match": "GET /ver*", "status": 503, "message": "busy", "times": 1}])
    answers = [automation.send("GET", "/version") for _ in range(2)]
    assert [(each.status, each.reason) for each in answers] == [(503, "busy"), (200, "OK")]


def test_a_task_fails_with_a_log(lab: Server, automation: Client, template: str) -> None:
    switch(lab, tasks={"qmclone": {"error": "no space left"}})
    answer = automation.send("POST", f"{template}/clone", [("newid", "101"), ("pool", "iac")])
    assert automation.wait(answer.data)["exitstatus"] == "no space left"
    log = automation.get(f"/nodes/pve/tasks/{answer.data}/log")
    assert log[-1]["t"] == "TASK ERROR: no space left"


def test_a_clone_that_fails_leaves_nothing(lab: Server, automation: Client, template: str) -> None:
    switch(lab, full=["local"])
    fields = {"newid": "101", "pool": "iac"}
    assert "No space left" in automation.do("POST", f"{template}/clone", **fields)
    switch(lab)
    assert automation.get("/cluster/nextid") == "101"
    assert automation.get("/pools", poolid="iac")[0]["members"][0]["vmid"] == 100
    assert automation.do("POST", f"{template}/clone", **fields) == "OK"


def test_a_task_ends_with_warnings(lab: Server, automation: Client, template: str) -> None:
    switch(lab, tasks={"qmclone": {"warning": "slow"}})
    fields = {"newid": "101", "pool": "iac"}
    assert automation.do("POST", f"{template}/clone", **fields) == "WARNINGS: 1"


def test_a_task_takes_its_time(lab: Server, automation: Client, template: str) -> None:
    switch(lab, tasks={"qmclone": {"seconds": 3600}})
    answer = automation.send("POST", f"{template}/clone", [("newid", "101"), ("pool", "iac")])
    assert automation.get(f"/nodes/pve/tasks/{answer.data}/status")["status"] == "running"
    locked = automation.get("/nodes/pve/qemu/101/status/current")
    assert locked["lock"] == "clone"


def test_a_node_is_down(lab: Server, operator: Client) -> None:
    switch(lab, offline=["pve2"])
    assert operator.send("GET", "/nodes/pve2/storage").status == 595
    states = {each["node"]: each["status"] for each in operator.get("/nodes")}
    assert states == {"pve": "online", "pve2": "offline"}


def test_an_upload_to_a_full_storage_fails(lab: Server, automation: Client, image: Path) -> None:
    switch(lab, full=["local"])
    path = "/nodes/pve/storage/local/upload"
    status = automation.do("POST", path, ("a.qcow2", image), content="import")
    assert "No space left" in status
    assert automation.get("/nodes/pve/storage/local/status")["avail"] == 0
    assert automation.get("/nodes/pve/storage/local/content", content="import") == []


def test_an_upload_breaks_off(lab: Server, automation: Client, image: Path) -> None:
    switch(lab, upload_bytes=1)
    image.write_bytes(bytes(1024 * 1024))
    fields = [("content", "import")]
    path = "/nodes/pve/storage/local/upload"
    try:
        status = automation.send("POST", path, fields, ("a.qcow2", image)).status
    except OSError:  # it was closed while we were sending
        status = 500
    assert status == 500
    assert list((lab.lab.site.folder / "uploads").iterdir()) == []


def test_a_new_vm_is_not_listed_yet(lab: Server, automation: Client, template: str) -> None:
    switch(lab, hidden_seconds=3600)
    assert automation.get("/cluster/resources", type="vm") == []
    assert automation.get(f"{template}/config")["name"] == "t"


@pytest.mark.parametrize("silent", [True, False])
def test_an_agent_is_silent(lab: Server, automation: Client, template: str, guests: NoGuests, *,
                            silent: bool) -> None:  # fmt: skip
    assert automation.do("POST", f"{template}/clone", newid="101", pool="iac") == "OK"
    assert automation.do("POST", "/nodes/pve/qemu/101/status/start") == "OK"
    assert guests.pid(101)
    switch(lab, silent_agents=[101] if silent else [])
    answer = automation.send("POST", "/nodes/pve/qemu/101/agent/ping")
    assert answer.reason == ("QEMU guest agent is not running" if silent else "OK")
