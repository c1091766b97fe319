"""A machine that is waited for: that it stops, is removed or moved is seen at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.guest import checks, guest
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.verify.checks.verdict import Failed
from tests.targets.proxmox.unit.cluster import Cluster, Reply
from tests.targets.proxmox.unit.machine import NAME, PATH, VMID, listed, machine, refused, status

GONE = refused(f"Configuration file 'nodes/pve/qemu-server/{VMID}.conf' does not exist")
UPID = f"UPID:pve:000004EF:0006B294:6B01A279:qmstart:{VMID}:iac@pve!ci:"


@pytest.fixture
def found(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(guest, "PACE", 0.0)
    with machine(cluster) as made:
        yield made


def failure(found: Guest) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        found.watch()
    assert caught.value.key == NAME
    return caught.value


def test_one_that_runs_is_looked_at_now_and_then(
    cluster: Cluster, found: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    status(cluster)
    found.watch()
    monkeypatch.setattr(guest, "PACE", 3600.0)
    found.watch()
    found.watch()
    assert cluster.calls == [f"GET {PATH}/status/current"] * 2


@pytest.mark.parametrize(
    ("state", "more", "verb"),
    [
        ("stopped", {}, "start"),
        ("stopped", {"lock": "backup"}, "start"),
        ("running", {"qmpstatus": "io-error"}, "resume"),
        ("running", {"qmpstatus": "paused"}, "resume"),
    ],
)
def test_one_that_does_not_run(
    cluster: Cluster, found: Guest, state: str, more: dict[str, str], verb: str
) -> None:
    status(cluster, state, **more)
    error = failure(found)
    assert error.code == "machine-stopped"
    assert f"`qm {verb} {VMID}` on pve" in error.remedy
    assert more.get("lock", "") in error.given


def test_one_that_is_removed(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = GONE
    cluster.get("cluster/resources?type=vm", [])
    assert failure(found).code == "machine-missing"


def test_one_whose_id_is_somebody_elses_now(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = GONE
    listed(cluster, node="pve2", tags="theirs")
    assert failure(found).code == "machine-replaced"


def test_one_that_has_moved_is_followed(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = GONE
    listed(cluster, node="pve2")
    found.watch()
    assert found.path == ("nodes", "pve2", "qemu", str(VMID))


@pytest.mark.parametrize("busy", [Reply({}, 595, "No route to host"), Reply({}, 503, "busy")])
def test_a_node_that_does_not_answer_for_a_moment_is_no_reason(
    cluster: Cluster, found: Guest, busy: Reply
) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = busy
    found.watch()


def test_a_state_that_nobody_may_see_is_one(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = refused("Permission check failed", 403)
    with pytest.raises(FlakeshipError) as caught:
        found.watch()
    assert caught.value.code == "privilege-missing"


def test_a_start(cluster: Cluster, found: Guest) -> None:
    status(cluster, "stopped")
    cluster.replies[f"POST {PATH}/status/start"] = Reply({"data": UPID})
    ended = {"status": "stopped", "exitstatus": "command failed"}
    cluster.get(f"nodes/pve/tasks/{UPID}/status", ended)
    with pytest.raises(FlakeshipError) as caught:
        found.start()
    assert caught.value.code == "task-failed"
    assert NAME in caught.value.what
    status(cluster)
    asked = len(cluster.asked)
    found.start()  # it runs
    assert cluster.asked[asked:] == [("GET", f"{PATH}/status/current", "")]


def test_the_check_of_the_api(cluster: Cluster, found: Guest) -> None:
    status(cluster)
    assert "2 vCPUs, 512 MiB" in checks.api(found)


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("stopped", {}, "it is stopped"),
        ("running", {"qmpstatus": "io-error"}, "it is io-error"),
        ("running", {"lock": "migrate"}, "locked by migrate"),
        ("running", {"template": 1}, "template"),
        ("running", {"tags": "flakeship_id.1;other"}, "its tags are flakeship_id.1;other"),
        ("running", {"tags": None}, "its tags are none"),
    ],
)
def test_what_the_api_must_not_report(
    cluster: Cluster, found: Guest, state: str, more: dict[str, object], said: str
) -> None:
    status(cluster, state, **more)
    with pytest.raises(Failed, match=said):
        checks.api(found)


def test_an_api_that_does_not_answer_is_a_failed_check(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"GET {PATH}/status/current"] = Reply({}, 503, "busy")
    with pytest.raises(Failed, match="503"):
        checks.api(found)
