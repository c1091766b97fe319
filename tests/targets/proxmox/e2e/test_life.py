"""The whole life of a stack on a cluster, in the order in which it is lived."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from flakeship.system.backoff import backoff
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import tasks
from tests.prober import Prober
from tests.targets.proxmox.e2e import lab
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster

SERVICE = lab.address(20)
STABLE = {**WEB, "proxmox": {"serviceAddress": f"{SERVICE}/24"}}
BROKEN = 'services.broken = { command = "false"; oneshot = true; };'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with stack_on_cluster(tmp_path_factory.mktemp("cluster")) as made:
        made.settings(STABLE, retainReleases=2)
        yield made


def test_a_first_cutover_that_fails_is_one_clear_error(stack: ClusterStack) -> None:
    used = {**WEB, "proxmox": {"serviceAddress": f"{lab.address(1)}/24"}}  # the bridge's own
    stack.settings(used, retainReleases=2)
    said = stack.fails("--continue-on-error")
    assert "answers for it" in said
    assert "not every server is cut over" in said
    assert not stack.outputs().get("running")
    stack.settings(STABLE, retainReleases=2)


def test_up_uploads_clones_verifies_and_gives_the_address(stack: ClusterStack) -> None:
    stack.up()
    assert "appliance" in stack.page()
    assert stack.address() == SERVICE
    seen = stack.evidence(stack.machine())
    assert {"host-key", "api", "reactivation", "nix-build", "greeting"} <= set(seen)
    (machine,) = stack.machines().values()
    (template,) = stack.templates().values()
    assert (machine.marks.machine, machine.running) == (stack.machine(), True)
    assert template.marks.release == stack.running()
    (upload,) = stack.uploads()
    assert stack.running() in upload


def test_the_state_holds_no_credential(stack: ClusterStack) -> None:
    state = json.dumps(stack.resources())
    secret = os.environ["PROXMOX_VE_API_TOKEN"].partition("=")[2]
    assert secret
    assert secret not in state


def test_again_nothing_changes(stack: ClusterStack) -> None:
    stack.preview("--expect-no-changes")
    stack.up("--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_new_release_takes_over_while_the_old_one_answers(stack: ClusterStack) -> None:
    first = stack.machine()
    stack.edit("Hello from the appliance", "Welcome to the appliance")
    assert "with a new root disk (nothing is copied) beside" in stack.preview()

    def page() -> str:
        with urlopen(f"http://{SERVICE}/", timeout=5) as answer:
            return str(answer.read().decode())

    with Prober(page, 0.05) as prober:
        stack.up()
        # a connection that began in the silence is tried again after a second
        assert any("Welcome" in prober.seen[-1][1] for _ in backoff(15)), prober.seen[-5:]
        time.sleep(0.5)
    said = [each.partition(" ")[0] for _, each in prober.seen]
    assert set(said) <= {"Hello", "Welcome", "failed:"}
    turn = said.index("Welcome")
    assert "Hello" not in said[turn:]
    assert set(stack.machines()) == {first, stack.machine()}
    assert len(stack.templates()) == 2
    stack.preview("--expect-no-changes")


def test_a_release_that_fails_changes_nothing(stack: ClusterStack) -> None:
    before = stack.outputs()
    stack.edit("services = { };", BROKEN)
    said = stack.fails()
    assert "✗ system: degraded, failed units: broken.service" in said
    assert "No traffic was moved" in said
    assert stack.outputs() == before
    assert "Welcome" in stack.page()


def test_going_back_boots_nothing(stack: ClusterStack) -> None:
    older = stack.outputs()["releases"][1]["release"]
    name = f"appliance-{Path(older['out']).name[:8]}"
    machines = {name: vm.id for name, vm in stack.machines().items()}
    stack.config("release", name)
    stack.up()
    assert stack.running() == name
    assert "Hello" in stack.page()
    # what the failed run had left goes; those two stay as they were
    assert {name: vm.id for name, vm in stack.machines().items()}.items() <= machines.items()
    assert len(stack.machines()) == 2
    stack.preview("--expect-no-changes")


def test_a_second_server_and_more_memory(stack: ClusterStack) -> None:
    web = stack.machine()
    larger = {**STABLE, "memory": "768M", "disk": "3G"}
    pinned = stack.running()
    stack.settings(larger, {**WEB, "name": "api"}, retainReleases=2, release=pinned)
    stack.up()
    assert stack.machine() != web
    assert "Hello" in stack.page("api")
    assert stack.address("api") != stack.address("web") == SERVICE
    stack.preview("--expect-no-changes")
    stack.settings({**larger, "disk": "2G"}, retainReleases=2, release=pinned)
    assert "root disk 3072 -> 2048 MiB" in stack.preview()


def test_one_failing_server_stops_itself_alone(stack: ClusterStack) -> None:
    """The healthy one is verified and cut over; the ledger waits for both."""
    before = stack.outputs()
    stack.edit("Welcome to the appliance", "Good morning from the appliance")
    stack.edit(BROKEN, "services = { };")
    wrong = {"name": "greeting", "http": 80, "contains": "something else", "timeout": 2}
    stack.settings(STABLE, {**WEB, "name": "api", "checks": [wrong]}, retainReleases=2)
    said = stack.fails("--continue-on-error")
    assert "✗ greeting" in said
    assert "Good morning" in stack.page("web")
    assert "Hello" in stack.page("api")
    assert stack.outputs() == before
    stack.settings(STABLE, {**WEB, "name": "api"}, retainReleases=2)
    stack.up()
    assert "Good morning" in stack.page("api")
    stack.preview("--expect-no-changes")


def test_a_template_with_a_linked_clone_outlives_its_release(stack: ClusterStack) -> None:
    older = stack.outputs()["releases"][1]["release"]
    before = stack.templates()[f"appliance-{Path(older['out']).name[:8]}"]
    stranger = 9980
    place = ("nodes", before.node, "qemu", str(before.id), "clone")
    task = stack.api.call("POST", *place, newid=stranger, full=0, name="theirs", pool="iac")
    tasks.finish(stack.api, task, "the clone", 60)
    # the cluster's list has a new machine without its name at first
    seen = (find.find(stack.api, stranger) for _ in backoff(60))
    assert any(vm and vm.known for vm in seen)
    try:
        stack.edit("Good morning from the appliance", "Good evening from the appliance")
        stack.settings(STABLE, retainReleases=1, standbyReleases=0)
        said = stack.preview()
        assert f"{stranger} (theirs on {before.node})" in said
        stack.up()
        assert before.id in {vm.id for vm in stack.templates().values()}
        stack.preview("--expect-no-changes")
    finally:
        stack.api.call("DELETE", "nodes", before.node, "qemu", str(stranger), purge=1)
        time.sleep(2)
    stack.up()
    assert set(stack.templates()) == {stack.running()}


def test_a_machine_that_was_stopped_is_started_again(stack: ClusterStack) -> None:
    (vm,) = stack.machines().values()
    stack.api.call("POST", "nodes", vm.node, "qemu", str(vm.id), "status", "stop")
    time.sleep(3)
    assert "his run starts it and verifies it again" in stack.preview()
    stack.up()
    assert stack.machines()[vm.marks.machine].running
    assert "Good evening" in stack.page()
    stack.preview("--expect-no-changes")


def test_a_machine_that_was_removed_is_made_anew(stack: ClusterStack) -> None:
    lost = stack.machine()
    vm = stack.machines()[lost]
    stack.api.call("POST", "nodes", vm.node, "qemu", str(vm.id), "status", "stop")
    time.sleep(3)
    stack.api.call("DELETE", "nodes", vm.node, "qemu", str(vm.id), purge=1)
    time.sleep(3)
    assert f"{lost} is gone" in stack.preview()
    stack.up()
    assert stack.machine() != lost
    assert "Good evening" in stack.page()
    stack.preview("--expect-no-changes")


def test_an_id_that_is_somebody_elses_now_is_never_touched(stack: ClusterStack) -> None:
    vm = stack.machines()[stack.machine()]
    place = ("nodes", vm.node, "qemu", str(vm.id))
    stack.api.call("PUT", *place, "config", tags="theirs", name="theirs")
    try:
        done = stack.pulumi("destroy", "--yes", "--skip-preview", check=False)
        assert done.code != 0
        assert "machine-replaced" in done.stdout or "does not carry its tags" in done.stdout
        assert stack.api.get(dict[str, object], *place, "status", "current")["status"] == "running"
    finally:
        stack.api.call("PUT", *place, "config", tags=";".join(vm.tags), name=vm.name)
