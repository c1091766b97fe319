"""A machine is removed with what it was made with, and with nothing that a person has kept."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api.client import connected
from flakeship.targets.proxmox.destroy import destroy
from flakeship.targets.proxmox.inventory import Vm
from tests.targets.proxmox.unit.cluster import Behaviour, Cluster, Reply
from tests.targets.proxmox.unit.test_tasks import TASK, UPID, one_by_one

PLACE = "nodes/pve1/qemu/9001"
MADE = {
    "virtio0": "local:9001/vm-9001-disk-0.qcow2,size=2G",
    "scsi1": "local:9001/vm-9001-cloudinit.qcow2,media=cdrom",
    "ide3": "none,media=cdrom",
    "scsihw": "virtio-scsi-pci",
    "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
}


def made(cluster: Cluster, status: str = "running", **more: Any) -> None:
    cluster.get(f"{PLACE}/config", {**MADE, **more})
    cluster.get(f"{PLACE}/status/current", {"status": status})
    cluster.get(f"{TASK}/status", {"status": "stopped", "exitstatus": "OK"})
    cluster.replies[f"POST {PLACE}/status/stop"] = stops(cluster)
    cluster.replies[f"DELETE {PLACE}?purge=1"] = Reply({"data": UPID})


def stops(cluster: Cluster) -> Behaviour:
    """It is stopped a moment after the task has ended, as with high availability."""

    def behaviour(handler: BaseHTTPRequestHandler) -> None:
        late = [{"status": "running"}, {"status": "stopped"}]
        replies = [Reply({"data": each}) for each in late]
        one_by_one(cluster, f"GET {PLACE}/status/current", replies)
        cluster.replies[f"POST {PLACE}/status/stop"] = Reply({"data": UPID})
        cluster.asked.pop()
        cluster.answer(handler)

    return behaviour


def removed(cluster: Cluster) -> list[str]:
    """What was changed, in that order."""
    with connected(cluster.login()) as api:
        destroy(api, Vm(9001, "pve1", "web"))
    return changes(cluster)


def changes(cluster: Cluster) -> list[str]:
    return [f"{method} {path}" for method, path, _ in cluster.asked if method != "GET"]


def test_a_running_machine_is_stopped_and_removed(cluster: Cluster) -> None:
    made(cluster)
    assert removed(cluster) == [f"POST {PLACE}/status/stop", f"DELETE {PLACE}?purge=1"]


def test_one_that_does_not_run_is_only_removed(cluster: Cluster) -> None:
    made(cluster, "stopped")
    assert removed(cluster) == [f"DELETE {PLACE}?purge=1"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"protection": 1}, "machine-protected"),
        ({"scsi2": "local:9001/vm-9001-disk-1.qcow2,size=100G"}, "disks-foreign"),
        ({"virtio1": "ceph:vm-9001-disk-1,size=100G"}, "disks-foreign"),
    ],
)
def test_what_a_person_keeps_is_refused_while_it_runs(
    cluster: Cluster, more: dict[str, Any], code: str
) -> None:
    made(cluster, **more)
    with pytest.raises(FlakeshipError) as caught:
        removed(cluster)
    assert caught.value.code == code
    assert "9001" in caught.value.remedy
    assert changes(cluster) == []
