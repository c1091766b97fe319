"""A sweep of a cluster: what is removed, what is left for a person, and what a state holds."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.state import stack
from flakeship.state.outputs import header
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from flakeship.targets.proxmox import find as finding
from flakeship.targets.proxmox import sweep as sweeping
from flakeship.targets.proxmox.api.login import TOKEN as VARIABLE
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.outputs import StackDetails
from flakeship.targets.proxmox.requests import Uploaded, UploadRequest
from flakeship.targets.proxmox.resources import VM, Marks, tags, upload_name
from tests.targets.proxmox.unit.cluster import TOKEN, Cluster
from tests.targets.proxmox.unit.site import MACHINE, OLD, Site

RELEASE = Marks(stack="dev", release="web-3izdly52")
OWN = Marks(stack="dev", machine=MACHINE, address="192.0.2.10")
OTHERS = "theirs"
NOTHING = SweepResult([], [])


@pytest.fixture
def site(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A cluster with a machine of somebody else's; another stack's; and the template 9000."""
    monkeypatch.setenv(VARIABLE, TOKEN)
    found = Site()
    found.add(500, OTHERS)
    found.add(501, MACHINE)
    found.add(502, MACHINE, replace(OWN, stack="prod"))
    found.template(9000, RELEASE)
    cluster.others, login = found.answer, cluster.login()
    found.access = Access(login.endpoint, ca_file=login.ca_file)
    return found


def vm(name: str, vmid: int) -> dict[str, Any]:
    return {"urn": f"u::{name}", "type": VM, "id": str(vmid)}


@pytest.mark.parametrize("given", [{"vmId": 9000}, {"vmId": 9000.0}, {}])
def test_a_state_tells_the_ids_of_its_machines(given: dict[str, Any]) -> None:
    held = {**vm("template-a", 9000), "inputs": given}
    other = {**held, "type": "other:index:VmLegacy", "id": "9001", "inputs": {}}
    assert sweeping.held_ids(Stack("dev", {"resources": [held, other]})) == {"9000"}


HELD = vm("template-web-3izdly52-9000", 9000)


def upload(access: Access, node: str, name: str) -> dict[str, Any]:
    request = UploadRequest(access, node, "local", name, "/nix/store/x", "0" * 128)
    return {
        "urn": f"u::{name}",
        "type": "flakeship:proxmox:Upload",
        "inputs": plain(request),
        "outputs": {"result": plain(Uploaded(f"local:import/{name}", "0" * 128, 1))},
    }


def sweep(site: Site, *resources: dict[str, Any]) -> SweepResult:
    return sweeping.sweep(Stack("dev", {"resources": [*resources]}), site.access)


def removed(site: Site) -> list[str]:
    return [call.partition("?")[0] for call in site.changed]


DESTROYED = ["POST nodes/pve1/qemu/9001/status/stop", "DELETE nodes/pve1/qemu/9001"]


def test_a_machine_on_a_template_of_the_state_is_removed(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    done = sweep(site, HELD)
    assert removed(site) == DESTROYED
    assert "purge=1" in site.changed[-1]
    assert [line.split()[:2] for line in done.removed] == [["server", f"{MACHINE},"]]
    assert not done.left
    assert {*site.vms} == {500, 501, 502, 9000}
    assert sweep(site, HELD) == NOTHING


def test_one_that_was_killed_before_it_had_tags_is_removed(site: Site) -> None:
    site.clone(9001, OWN, 9000, tags=";".join(tags(9000, RELEASE)))
    site.vms[9001]["tags"] = site.configs[9001]["tags"]
    sweep(site, HELD)
    assert 9001 not in site.vms


def test_one_that_the_cluster_knows_little_of_is_found(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    site.vms[9001] |= {"name": "", "tags": "", "status": "unknown"}
    sweep(site, HELD)
    assert 9001 not in site.vms


def test_a_linked_clone_tells_its_template_without_a_description(site: Site) -> None:
    disk = "local-lvm:9000/base-9000-disk-0.qcow2/9001/vm-9001-disk-0.qcow2,size=2G"
    site.add(9001, MACHINE, OWN, virtio0=disk, description="of a person")
    sweep(site, HELD)
    assert 9001 not in site.vms


def test_what_the_state_holds_is_left_alone(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    name = upload_name("dev", "web-3izdly52")
    site.files = {("pve1", f"local:import/{name}"): OLD}
    held = [HELD, vm(f"server-{MACHINE}", 9001), upload(site.access, "pve1", name)]
    assert sweep(site, *held) == NOTHING
    assert not site.changed


def test_a_machine_that_may_be_another_checkouts_is_left(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    done = sweep(site, vm("template-web-4-9050", 9050))
    assert not site.changed
    first, second = done.left[-2:]
    assert first.partition("#")[0].strip() == "qm stop 9001; qm destroy 9001 --purge 1"
    assert "running on pve1" in first
    assert second.partition("#")[0].strip() == "qm destroy 9000 --purge 1"


def test_a_template_and_a_file_are_removed_where_this_checkout_made_them(site: Site) -> None:
    volume = f"local:import/{upload_name('dev', 'web-3izdly52')}"
    site.files = {("pve1", volume): OLD, ("pve1", "local:import/debian.qcow2"): OLD}
    done = sweep(site)
    assert removed(site) == [
        "DELETE nodes/pve1/qemu/9000",
        f"DELETE nodes/pve1/storage/local/content/{volume}",
    ]
    assert not done.left
    assert [*site.files] == [("pve1", "local:import/debian.qcow2")]


def test_those_of_another_checkout_are_left(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volume = f"local:import/{upload_name('dev', 'web-3izdly52')}"
    site.files = {("pve1", volume): OLD}
    monkeypatch.chdir(tmp_path)
    done = sweep(site)
    assert not site.changed
    commands = [line.partition("#")[0].strip() for line in done.left if "#" in line]
    assert commands == [
        "qm destroy 9000 --purge 1",
        f"pvesm free {volume}",
    ]


def test_a_template_with_a_clone_that_stays_is_left(site: Site) -> None:
    site.disks = [
        {"volid": "local-lvm:9000/base-9000-disk-0.qcow2/500/vm-500-disk-0.qcow2", "vmid": 500}
    ]
    done = sweep(site)
    assert not site.changed
    assert any("qm destroy 9000" in line for line in done.left)


def test_a_template_goes_after_its_clone(site: Site) -> None:
    """The clone is of a template that the state holds; both templates are this checkout's."""
    site.template(9005, replace(RELEASE, release="web-4"))
    site.clone(9001, OWN, 9000)
    site.disks = [
        {"volid": "local-lvm:9005/base-9005-disk-0.qcow2/9001/vm-9001-disk-0.qcow2", "vmid": 9001}
    ]
    sweep(site, HELD)
    assert removed(site) == [*DESTROYED, "DELETE nodes/pve1/qemu/9005"]


def test_files_on_storage_of_one_node_are_told_apart(site: Site) -> None:
    name = upload_name("dev", "web-3izdly52")
    volume = f"local:import/{name}"
    site.files = {("pve1", volume): OLD, ("pve2", volume): OLD}
    sweep(site, HELD, upload(site.access, "pve1", name))
    assert removed(site) == [f"DELETE nodes/pve2/storage/local/content/{volume}"]


def test_a_file_on_shared_storage_is_held_from_any_node(site: Site) -> None:
    name = upload_name("dev", "web-3izdly52")
    site.shared, site.files = True, {("pve1", f"local:import/{name}"): OLD}
    assert sweep(site, HELD, upload(site.access, "pve2", name)) == NOTHING
    listings = [call for call in site.asked if call.endswith("content=import")]
    assert len(listings) == 1


def test_a_copy_and_what_says_otherwise_are_nobodys(site: Site) -> None:
    copied = {key: site.configs[502][key] for key in ("tags", "description")}
    site.add(503, MACHINE, **copied)
    site.clone(9001, OWN, 9000, tags=";".join(tags(9001, replace(OWN, stack="prod"))))
    assert sweep(site, HELD) == NOTHING
    assert not site.changed


def test_tags_that_differ_from_the_description_make_it_uncertain(site: Site) -> None:
    site.clone(9001, OWN, 9000, tags=";".join(tags(9001, replace(OWN, machine="db-1-2"))))
    assert len(sweep(site, HELD).left) == 3
    assert not site.changed


def test_a_young_one_is_waited_for_and_the_state_is_read_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.clone(9001, OWN, 9000, status="stopped", uptime=0)
    later = [HELD, vm(f"server-{MACHINE}", 9001)]
    monkeypatch.setattr(stack, "selected", lambda: Stack("dev", {"resources": later}))
    slept: list[float] = []
    monkeypatch.setattr("flakeship.rollout.orphans.time.sleep", slept.append)
    assert sweep(site, HELD) == NOTHING
    assert 60 < slept[0] < 62
    assert not site.changed


def test_one_that_runs_for_long_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.clone(9001, OWN, 9000)
    slept: list[float] = []
    monkeypatch.setattr("flakeship.rollout.orphans.time.sleep", slept.append)
    sweep(site, HELD)
    assert not slept
    assert 9001 not in site.vms


def test_a_stopped_one_is_removed_after_the_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.clone(9001, OWN, 9000, status="stopped", uptime=0)
    monkeypatch.setattr(stack, "selected", lambda: Stack("dev", {"resources": [HELD]}))

    def sleep(seconds: float) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Later:
                return cls.fromtimestamp(time.time() + seconds, tz)

        monkeypatch.setattr("flakeship.targets.proxmox.sweep.datetime", Later)

    monkeypatch.setattr("flakeship.rollout.orphans.time.sleep", sleep)
    sweep(site, HELD)
    assert removed(site) == ["DELETE nodes/pve1/qemu/9001"]


def test_what_cannot_be_removed_is_told_and_left(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "flakeship")
    site.clone(9001, OWN, 9000)
    site.fails["9001"] = ["OK", "can't remove VM 9001 - protection mode enabled"]
    site.configs[9001]["lock"] = "backup"
    done = sweep(site, HELD)
    assert "protection mode" in caplog.text
    assert any("qm destroy 9001" in line and "backup on pve1" in line for line in done.left)
    assert not done.removed


def test_a_lock_of_the_cleanup_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flakeship.system.backoff.time.sleep", lambda _: None)
    site.clone(9001, OWN, 9000)
    site.vms[9001] |= {"status": "stopped"}
    site.fails["9001"] = ["can't lock file '/var/lock/qemu-server/lock-9001.conf' - got timeout"]
    assert sweep(site, HELD).removed
    assert removed(site) == ["DELETE nodes/pve1/qemu/9001"] * 2


def test_one_that_was_replaced_meanwhile_is_not_removed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.clone(9001, OWN, 9000)
    find = finding.find

    def meanwhile(api: Any, vmid: int) -> Any:
        site.add(9001, OTHERS)
        return find(api, vmid)

    monkeypatch.setattr(finding, "find", meanwhile)
    done = sweep(site, HELD)
    assert not site.changed
    assert not done.removed


def test_a_node_that_is_offline_is_told(site: Site) -> None:
    site.clone(9001, OWN, 9000, node="pve2")
    site.offline = ["pve2"]
    done = sweep(site, HELD)
    assert not site.changed
    assert len(done.left) == 1
    assert "pve2" in done.left[0]
    assert not any("pve2/" in call for call in site.asked)


def test_another_cluster_is_refused(site: Site) -> None:
    site.clone(9001, OWN, 9000)
    outputs = {"flakeship": header("proxmox"), "proxmox": plain(StackDetails(["elsewhere"]))}
    with pytest.raises(FlakeshipError) as raised:
        sweep(site, HELD, {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": outputs})
    assert raised.value.code == "cluster-mismatch"
    assert not site.changed


def test_without_a_state_a_cluster_that_cannot_be_read_is_a_line(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    assert "not inspected" in sweep(site).left[0] or "no cluster" in sweep(site).left[0]
    with pytest.raises(FlakeshipError) as raised:
        sweep(site, HELD)
    assert raised.value.code == "token-missing"
