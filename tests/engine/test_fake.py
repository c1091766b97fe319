"""A whole life on the target fake: the real engine and the real commands, and no machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flakeship.rollout.phases import BEFORE, PHASES
from tests.engine.conftest import FakeStack, processes

KINDS = ["address", "image", "machine"]


def phases(said: str) -> list[str]:
    """The phases in the lines about where the time of an update went."""
    return re.findall(
        r"^ {6}(\w.*?) +[0-9]+\.[0-9] s$", said.partition("it took ")[2], re.MULTILINE
    )


def test_a_life(stack: FakeStack) -> None:
    assert "flakeship:fake:Cutover web create" in stack.preview()
    assert not stack.file.exists()
    assert phases(stack.up()) == [BEFORE, *PHASES]
    first, web = stack.serving(), stack.outputs()["servers"]["web"]
    assert (web["machine"], web["ports"]["80"]) == (first, f"{web['address']}:80")
    assert phases(stack.up("--expect-no-changes")) == []
    # nothing is left of the verification
    assert sorted(each.kind for each in stack.cloud().objects.values()) == KINDS

    stack.write("two")
    assert f"beside {first}; once verified, it takes over the address" in stack.preview()
    assert f"beside {first}; once verified, it took over the address" in stack.up()
    second = stack.serving()
    assert set(stack.machines()) == {first, second}
    assert stack.outputs()["servers"]["web"]["address"] == web["address"]
    stack.preview("--expect-no-changes")

    older = stack.outputs()["releases"][1]["release"]["out"]
    stack.config("release", f"tiny-{Path(older).name[:8]}")
    ids = {machine.id for machine in stack.machines().values()}
    assert phases(stack.up()) == [BEFORE, "cutover"]  # nothing is made that is there
    assert (stack.serving(), stack.ledger()) == (first, ["two", "one"])
    assert {machine.id for machine in stack.machines().values()} == ids
    stack.preview("--expect-no-changes")

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert not stack.file.exists()


def test_a_failing_verification_moves_nothing(stack: FakeStack) -> None:
    stack.up()
    first, before = stack.serving(), stack.outputs()
    stack.write("two")
    stack.config("servers[0].fake.fail[0]", "greeting")
    said = stack.up(check=False)
    assert "1 of 4 checks failed" in said
    assert "✗ greeting: the settings make it fail" in said
    assert "what served before still does" in said
    assert (stack.serving(), stack.outputs()) == (first, before)
    assert len(stack.machines()) == 2
    stack.pulumi("config", "rm", "--path", "flakeship:servers[0].fake.fail")
    stack.up()
    assert stack.serving() != first
    assert stack.ledger() == ["two", "one"]


def test_the_users_commands_and_a_lost_machine(stack: FakeStack) -> None:
    stack.up()
    machine, address = stack.serving(), stack.outputs()["servers"]["web"]["address"]
    status = stack.flakeship("status").stdout
    assert f"  {machine} at {address}\n" in status
    assert "✓ greeting" in status
    assert "orphaned" not in status
    verified = json.loads(stack.flakeship("verify", "--json").stdout)
    assert [each["machine"] for each in verified] == [machine]
    assert "no orphaned resources" in stack.flakeship("sweep").stdout
    login = stack.flakeship("ssh", "web")
    assert (login.code, login.stderr.split(": ")[0]) == (1, "web")

    lost = stack.cloud()
    del lost.objects[stack.machines()[machine].id]
    stack.change(lost)
    assert "is gone" in stack.flakeship("verify").stderr
    said = stack.up()
    assert f"{machine} is gone" in said
    assert f"because {machine} is lost" in said
    assert stack.serving() != machine
    stack.preview("--expect-no-changes")


def test_what_a_killed_run_has_left_is_swept(stack: FakeStack) -> None:
    stack.up()
    first = stack.serving()
    stack.config("servers[0].fake.bootSeconds", "600")
    stack.write("two")
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview"],
        cwd=stack.path,
        env=stack.env,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while "starting" not in stack.file.read_text():
        assert engine.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    for pid in processes(stack.path):
        os.kill(pid, signal.SIGKILL)
    stack.pulumi("cancel", "--yes")
    killed = stack.cloud()
    for machine in killed.of("machine"):  # it is certain only of what is older than a minute
        machine.created = datetime.now(UTC) - timedelta(minutes=5)
    stack.change(killed)
    (orphan,) = [each for each in killed.of("machine") if each.name != first]

    assert (
        f"orphaned resources, left by a killed run: {orphan.id}" in stack.flakeship("status").stdout
    )
    assert f"removed {orphan.id}" in stack.flakeship("sweep").stdout
    assert set(stack.machines()) == {first}
    stack.config("servers[0].fake.bootSeconds", "0")
    stack.up()
    assert set(stack.machines()) > {first}
    assert "no orphaned resources" in stack.flakeship("sweep").stdout
