"""Two nodes: what is on one, and what both have."""

from __future__ import annotations

from pathlib import Path

from dev.proxmox.server import Server
from flakeship.system.process import run
from tests.dev.proxmox.client import Client


def upload(client: Client, storage: str, image: Path) -> None:
    path = f"/nodes/pve/storage/{storage}/upload"
    assert client.do("POST", path, ("a.qcow2", image), content="import") == "OK"


def make(client: Client, storage: str) -> None:
    drive = f"{storage}:0,import-from={storage}:import/a.qcow2,format=qcow2"
    assert client.do("POST", "/nodes/pve/qemu", vmid="100", scsi0=drive) == "OK"
    assert client.do("POST", "/nodes/pve/qemu/100/template") == "OK"


def test_a_local_file_is_on_one_node(operator: Client, image: Path) -> None:
    upload(operator, "local", image)
    found = [operator.get(f"/nodes/{node}/storage/local/content") for node in ("pve", "pve2")]
    assert [len(each) for each in found] == [1, 0]


def test_a_shared_file_is_on_both(operator: Client, image: Path) -> None:
    upload(operator, "nfs", image)
    found = [operator.get(f"/nodes/{node}/storage/nfs/content") for node in ("pve", "pve2")]
    assert [len(each) for each in found] == [1, 1]
    assert operator.get("/nodes/pve2/storage/nfs/status")["shared"] == 1


def test_a_clone_is_made_on_the_other_node_from_shared_storage(
    operator: Client, image: Path
) -> None:
    upload(operator, "nfs", image)
    make(operator, "nfs")
    fields = {"newid": "101", "target": "pve2", "full": "0"}
    assert operator.do("POST", "/nodes/pve/qemu/100/clone", **fields) == "OK"
    assert operator.get("/nodes/pve2/qemu/101/config")["scsi0"].startswith(
        "nfs:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2"
    )


def test_a_local_disk_keeps_its_vm_on_its_node(operator: Client, image: Path) -> None:
    upload(operator, "local", image)
    make(operator, "local")
    fields = [("newid", "101"), ("target", "pve2")]
    answer = operator.send("POST", "/nodes/pve/qemu/100/clone", fields)
    assert answer.reason == "can't clone VM to node 'pve2' (VM uses local storage)"


def test_a_linked_clone_reads_its_template(lab: Server, automation: Client, template: str) -> None:
    assert automation.do("POST", f"{template}/clone", newid="101", pool="iac", full="0") == "OK"
    folder = lab.lab.site.storage_path("pve", "local") / "images"
    described = run(["qemu-img", "info", folder / "101" / "vm-101-disk-0.qcow2"]).stdout
    assert "backing file: ../100/base-100-disk-0.qcow2" in described
    content = automation.get("/nodes/pve/storage/local/content", content="images", vmid="101")
    assert content[0]["volid"] == "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2"


def test_a_full_clone_does_not(lab: Server, automation: Client, template: str) -> None:
    assert automation.do("POST", f"{template}/clone", newid="101", pool="iac", full="1") == "OK"
    folder = lab.lab.site.storage_path("pve", "local") / "images"
    described = run(["qemu-img", "info", folder / "101" / "vm-101-disk-0.qcow2"]).stdout
    assert "backing file" not in described


def test_the_lab_survives_its_end(lab: Server, automation: Client, template: str) -> None:
    lab.lab.refresh()
    assert automation.get("/cluster/resources", type="vm")[0]["template"] == 1
    assert (lab.lab.site.folder / "nodes/pve/qemu-server/100.json").exists()
    assert template


def test_clones_are_made_at_once(automation: Client, template: str) -> None:
    started = [
        automation.send("POST", f"{template}/clone", [("newid", str(vmid)), ("pool", "iac")]).data
        for vmid in range(101, 111)
    ]
    assert {automation.wait(upid)["exitstatus"] for upid in started} == {"OK"}
    members = automation.get("/pools", poolid="iac")[0]["members"]
    assert {each["vmid"] for each in members} == set(range(100, 111))


def test_one_of_two_gets_a_number(automation: Client, template: str) -> None:
    fields = [("newid", "101"), ("pool", "iac")]
    answers = [automation.send("POST", f"{template}/clone", fields) for _ in range(2)]
    assert [each.status for each in answers] == [200, 500]
    assert answers[1].reason == "unable to create VM 101: config file already exists"
