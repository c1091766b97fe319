"""`flakeship recover`: what it refuses, and in which order it acts."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.operate import actions, plugins, recover
from flakeship.state import locks
from flakeship.state import stack as state
from flakeship.state.locks import Lock, LockedError
from flakeship.state.stack import Stack
from flakeship.system import processes
from flakeship.system.process import Result
from flakeship.targets.base import SweepResult
from tests.unit.operate.test_verify import header

HERE = socket.gethostname()
GONE = Lock(os.getpid(), "me", HERE, datetime(2020, 1, 1, tzinfo=UTC), Path("gone.json"))
LIVING = Lock(os.getpid(), "me", HERE, datetime.now(UTC), Path("living.json"))
ELSEWHERE = Lock(12, "me", "two", datetime.now(UTC), Path("elsewhere.json"))
NAMELESS = Lock(file=Path("nameless.json"))
OPERATION = {"resource": {"urn": "urn:pulumi:dev::p::t::machine-web-1"}, "type": "creating"}
STACK = Stack("dev", {"resources": [header("fake")], "pending_operations": [OPERATION]})
CANCEL = "pulumi cancel --yes --stack dev"
CONFLICT = "error: [409] Conflict: Another update is currently in progress."
LOCKED = (
    "error: the stack is currently locked by 1 lock(s).\n"
    "  s3://x/1.json: created by me@two (pid 12) at 2026-11-27T21:16:18Z"
)


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests run, all processes are seen."""
    monkeypatch.setattr(processes, "INITIAL", str(Path("/proc/self/ns/pid").readlink()))


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in order."""
    done: list[str] = []

    def sweep(_: Stack) -> SweepResult:
        done.append("sweep")
        return SweepResult(["machine-1"], ["left"])

    def end(stack: str) -> list[str]:
        done.append(f"end {stack}")
        return ["process 7 (x)"]

    def run(argv: list[str], **_: Any) -> Result:
        done.append(" ".join(argv))
        return Result(0, "", "")

    monkeypatch.setattr(actions, "sweep", sweep)
    monkeypatch.setattr(plugins, "end_orphaned", end)
    monkeypatch.setattr(recover, "run", run)
    monkeypatch.setattr(state, "run", run)
    return done


def lock(monkeypatch: pytest.MonkeyPatch, *held: Lock) -> None:
    """A stack has these locks, as long as their files exist."""
    for each in held:
        assert each.file
        each.file.touch()
    monkeypatch.setattr(
        locks, "held", lambda *_: [each for each in held if each.file and each.file.exists()]
    )


def test_the_lock_of_a_killed_run(acts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lock(monkeypatch, GONE)
    done = recover.recover(STACK)
    # what still acts is ended while nobody else can start
    assert acts == ["end dev", "sweep"]
    assert locks.held("dev", {}, Path()) == []
    assert done.locks == [str(GONE)]
    assert done.pending == ["t machine-web-1 (creating)"]
    assert done.swept == SweepResult(["process 7 (x)", "machine-1"], ["left"])
    shown = recover.text(done)
    for each in (str(GONE), "t machine-web-1 (creating)", "process 7 (x), machine-1", "left"):
        assert each in shown
    assert "`pulumi up`" in shown.splitlines()[-1]


def test_without_a_lock_the_rest_is_done(acts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lock(monkeypatch)
    assert recover.recover(STACK).locks == []
    assert acts == ["end dev", "sweep"]


@pytest.mark.parametrize("break_lock", [False, True])
@pytest.mark.parametrize("others", [[], [GONE], [ELSEWHERE]])
def test_a_run_that_lives_is_never_touched(
    others: list[Lock], break_lock: bool, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(monkeypatch, *others, LIVING)
    with pytest.raises(LockedError) as refused:
        recover.recover(STACK, break_lock=break_lock)
    assert (refused.value.code, refused.value.key) == ("stack-locked", "stack dev")
    assert acts == []


@pytest.mark.parametrize("held", [[ELSEWHERE], [GONE, ELSEWHERE], [NAMELESS]])
def test_an_owner_that_cannot_be_seen_needs_a_decision(
    held: list[Lock], acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(monkeypatch, *held)
    with pytest.raises(LockedError) as refused:
        recover.recover(STACK)
    assert "--break-lock" in refused.value.remedy
    assert acts == []
    assert recover.recover(STACK, break_lock=True).locks == [str(each) for each in held]
    assert acts == ["end dev", "sweep"]
    assert locks.held("dev", {}, Path()) == []


@pytest.mark.parametrize("break_lock", [False, True])
@pytest.mark.parametrize("left", [[], [GONE]])  # others may have removed it
@pytest.mark.parametrize(
    "begun", [LIVING, replace(ELSEWHERE, file=Path("new")), replace(GONE, file=Path("new"))]
)
def test_a_run_that_begins_meanwhile_keeps_its_lock(
    begun: Lock,
    left: list[Lock],
    break_lock: bool,
    acts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(_: str) -> list[str]:
        lock(monkeypatch, *left, begun)
        return []

    lock(monkeypatch, GONE)
    monkeypatch.setattr(plugins, "end_orphaned", end)
    with pytest.raises(LockedError) as refused:
        recover.recover(STACK, break_lock=break_lock)
    assert begun in refused.value.locks
    assert begun.file
    assert begun.file.exists()
    assert acts == []


@pytest.mark.parametrize(
    ("message", "told", "broken"),
    [
        (LOCKED, "process 12 of me on two", "process 12 of me on two"),
        (CONFLICT, "[409] Conflict", "a run that the lock does not name"),
    ],
)
def test_a_lock_in_another_backend_is_told_by_pulumi(
    message: str, told: str, broken: str, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: list[str]) -> None:
        raise CommandError("failed", 255, message)

    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://x")
    monkeypatch.setattr(state, "run", refuse)
    with pytest.raises(LockedError) as refused:
        recover.recover(STACK)
    assert told in refused.value.what
    assert acts == []
    (removed,) = recover.recover(STACK, break_lock=True).locks
    assert broken in removed
    assert acts == ["end dev", CANCEL, "sweep"]


def test_another_lock_in_another_backend_stays(
    acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: list[str]) -> None:
        raise CommandError("failed", 255, messages.pop(0))

    messages = [LOCKED, LOCKED.replace("pid 12", "pid 13")]
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://x")
    monkeypatch.setattr(state, "run", refuse)
    with pytest.raises(LockedError) as refused:
        recover.recover(STACK, break_lock=True)
    assert [each.pid for each in refused.value.locks] == [13]
    assert acts == ["end dev"]


def test_another_backend_without_a_lock(acts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://x")
    assert recover.recover(STACK).locks == []
    assert acts[0].endswith(
        "--clear-pending-creates --suppress-outputs --stack dev --target=u::dev"
    )
    assert acts[1:] == ["end dev", "sweep"]


def test_a_stack_of_another_checkout_keeps_its_lock(
    monkeypatch: pytest.MonkeyPatch, acts: list[str]
) -> None:
    request = {"stack": "dev", "server": "web", "name": "pg", "size": 8, "workstation": "two/1f"}
    urn = "urn:pulumi:dev::p::flakeship:local:DataDisk::web.pg"
    disk = {"urn": urn, "type": "flakeship:local:DataDisk", "inputs": request}
    lock(monkeypatch, ELSEWHERE)
    with pytest.raises(FlakeshipError) as caught:
        recover.recover(Stack("dev", {"resources": [header("local"), disk]}), break_lock=True)
    assert (caught.value.code, caught.value.key) == ("workstation-mismatch", "data disk web.pg")
    assert acts == []
    assert ELSEWHERE.file
    assert ELSEWHERE.file.exists()
