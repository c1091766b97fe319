"""`flakeship recover` after the real engine was killed in the middle of a command."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flakeship.system import processes as system
from tests.engine.conftest import FakeStack, processes, starting, until

PENDING = "pending operations"
"""Of the paragraph that Pulumi prints until they are cleared."""
PLUGIN = "pulumi-language-python"


def named(stack: FakeStack) -> dict[int, str]:
    """The processes of a project, by what they are called."""
    found = {}
    for pid in processes(stack.path):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        found[pid] = " ".join([Path(words[0]).name, *words[1:]])
    return found


def locks(stack: FakeStack) -> list[Path]:
    return [*(stack.path / "backend/.pulumi/locks").rglob("*.json")]


@pytest.fixture
def engine(stack: FakeStack) -> Iterator[subprocess.Popen[bytes]]:
    """A run of a second release that is starting its machine."""
    stack.up()
    stack.write("two")
    with starting(stack, 600) as process:
        yield process


@pytest.mark.skipif(
    not system.all_are_seen(), reason="in a container no owner of a lock is certainly gone"
)
def test_a_killed_run(stack: FakeStack, engine: subprocess.Popen[bytes]) -> None:
    first = stack.serving()
    running = named(stack)

    # while it lives, nothing is touched
    for refused in (stack.flakeship("recover"), stack.flakeship("recover", "--break-lock")):
        assert refused.code == 1
        assert f"a run is under way: process {engine.pid} of " in refused.stderr
        assert f"kill -INT {engine.pid}" in refused.stderr
    assert "a run is under way" in stack.make_up().stderr
    assert engine.poll() is None
    assert named(stack) == running
    assert len(locks(stack)) == 1

    (plugin,) = [pid for pid, name in running.items() if name.startswith(f"{PLUGIN} ")]
    engine.kill()
    engine.wait()
    os.kill(plugin, signal.SIGSTOP)  # published ones notice only after minutes what has happened
    assert len(locks(stack)) == len(stack.state()["pending_operations"]) == 1
    refused = stack.make_up()
    assert (refused.code, refused.stdout) == (1, "")
    assert f"killed (process {engine.pid} of " in refused.stderr
    assert "make recover STACK=test" in refused.stderr
    assert "flakeship --stack test recover" in stack.flakeship("status").stdout
    assert plugin in named(stack)

    left = stack.cloud()
    for machine in left.of("machine"):  # it is certain only of what is older than a minute
        machine.created = datetime.now(UTC) - timedelta(minutes=5)
    stack.change(left)
    (orphan,) = [each for each in left.of("machine") if each.name != first]
    before = stack.resources()
    recovered = stack.flakeship("recover")
    assert recovered.code == 0, recovered.stderr
    assert f"removed the lock of process {engine.pid} of " in recovered.stdout
    assert (
        f"cleared what was half done: flakeship:fake:Machine {orphan.name} (creating)"
        in recovered.stdout
    )
    assert f"process {plugin} ({PLUGIN})" in recovered.stdout
    assert locks(stack) == []
    assert "pending_operations" not in stack.state()
    assert stack.resources() == before
    assert {each.name for each in stack.cloud().of("machine")} == {first}
    until(lambda: not processes(stack.path))
    again = stack.flakeship("recover")
    assert (again.code, "removed" in again.stdout, "cleared" in again.stdout) == (0, False, False)

    stack.config("servers[0].fake.bootSeconds", "0")
    done = stack.make_up()
    assert done.code == 0, done.stdout
    assert PENDING not in done.stdout + done.stderr
    assert stack.serving() != first
    assert PENDING not in stack.up("--expect-no-changes")
    assert "no orphaned resources" in stack.flakeship("sweep").stdout
