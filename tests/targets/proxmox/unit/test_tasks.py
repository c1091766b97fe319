"""A task that a call has started is waited for, and its failure is told with its own words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.client import connected
from tests.targets.proxmox.unit.cluster import Cluster, Reply

UPID = "UPID:pve1:000004EF:0006B294:6B01A279:qmdestroy:101:iac@pve!ci:"
TASK = f"nodes/pve1/tasks/{UPID}"
NO_TASK = Reply({"data": None, "errors": {"upid": "no such task"}}, 400, "Parameter verification")


def finish(cluster: Cluster, upid: object = UPID, seconds: float = 5.0) -> None:
    with connected(cluster.login()) as api:
        tasks.finish(api, upid, "the removal of VM 101", seconds)


def one_by_one(cluster: Cluster, path: str, replies: Sequence[Reply]) -> None:
    """Answer with the next reply each time, and with the last one from then on."""
    left = [*replies]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        cluster.replies[path] = left.pop(0)
        cluster.asked.pop()
        cluster.answer(handler)
        if left:
            cluster.replies[path] = answer

    cluster.replies[path] = answer


def ends(cluster: Cluster, exitstatus: str, log: Sequence[str]) -> None:
    cluster.get(f"{TASK}/status", {"status": "stopped", "exitstatus": exitstatus})
    lines = [{"n": number, "t": text} for number, text in enumerate(log, start=1)]
    cluster.get(f"{TASK}/log?limit={tasks.READ}", lines)


def status(**data: str) -> Reply:
    return Reply({"data": data})


def test_a_task_is_asked_about_until_it_has_ended(cluster: Cluster) -> None:
    running, ended = status(status="running"), status(status="stopped", exitstatus="OK")
    one_by_one(cluster, f"GET {TASK}/status", [running, running, ended])
    finish(cluster)
    assert cluster.calls == [f"GET {TASK}/status"] * 3


def test_a_node_that_does_not_know_it_yet_or_is_busy_is_asked_again(cluster: Cluster) -> None:
    busy, ended = Reply({}, 599, "Too many redirections"), status(status="stopped", exitstatus="OK")
    one_by_one(cluster, f"GET {TASK}/status", [NO_TASK, busy, ended])
    finish(cluster)
    assert len(cluster.asked) == 3


def test_a_task_that_no_node_knows_is_an_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "VISIBLE", 0.0)
    cluster.replies[f"GET {TASK}/status"] = NO_TASK
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster)
    assert caught.value.code == "api-refused"
    assert len(cluster.asked) == 1


def test_a_failure_has_the_end_of_the_log(cluster: Cluster) -> None:
    reason = "base volume 'local:300/base-300-disk-0.qcow2' is still in use by linked clones"
    noise = [f"transferred {number} %" for number in range(100)]
    ends(cluster, reason, [*noise, f"TASK ERROR: {reason}"])
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster)
    error = caught.value
    assert error.code == "task-failed"
    assert reason in error.what
    assert "pve1" in error.what
    assert UPID in error.remedy
    assert len(error.details) == tasks.SHOWN
    assert error.details[-1].strip() == f"TASK ERROR: {reason}"


def test_a_failure_is_told_without_its_log_too(cluster: Cluster) -> None:
    cluster.get(f"{TASK}/status", {"status": "stopped", "exitstatus": "no such VM"})
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster)
    assert caught.value.code == "task-failed"
    assert "no such VM" in caught.value.what
    assert not caught.value.details


def test_what_a_log_has_cannot_drive_a_terminal(cluster: Cluster) -> None:
    ends(cluster, "\x1b]0;x\x07bad", ["\x1b[2Jfirst\nsecond"])
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster)
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.details) == 1


def test_warnings_are_a_success(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    ends(cluster, "WARNINGS: 1", ["copying", "WARN: the disk is slow", "TASK WARNINGS: 1"])
    with caplog.at_level(logging.INFO):
        finish(cluster)
    assert "the disk is slow" in caplog.text
    assert "copying" not in caplog.text


def test_one_that_does_not_end_is_told_of(cluster: Cluster) -> None:
    cluster.get(f"{TASK}/status", {"status": "running"})
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster, seconds=0.3)
    assert caught.value.code == "task-unfinished"
    assert UPID in caught.value.remedy


@pytest.mark.parametrize(
    "answer", [None, "", 7, "OK", "UPID:../..:0:0:0:a:b:c:", f"{UPID} ", f"x{UPID}"]
)
def test_what_is_no_task_is_not_asked_for(cluster: Cluster, answer: object) -> None:
    with pytest.raises(FlakeshipError) as caught:
        finish(cluster, answer)
    assert caught.value.code == "answer-unreadable"
    assert not cluster.asked
