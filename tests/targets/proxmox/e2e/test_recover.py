"""A run whose engine is killed leaves something on the cluster; `recover` and the next run mend it.

Whatever is younger than a minute is waited for: nobody could tell whose it is before.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import run
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.inventory import Vm
from tests.project import ROOT, make
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster

MADE = ("flakeship:proxmox:Upload ", "proxmoxve:")  # the types of what is on the cluster
SECONDS = 300.0  # until a run does what it is killed in


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    with stack_on_cluster(tmp_path_factory.mktemp("recovered")) as made:
        made.settings(WEB)
        yield made


def everything(stack: ClusterStack) -> list[Vm]:
    """All that the cluster lists, what has no tags yet too."""
    entries = stack.api.get(list[listed.Resource], "cluster", "resources", type="vm")
    return listed.vms(entries)


def killed(stack: ClusterStack, reached: Callable[[ClusterStack], bool]) -> None:
    """Run `up`, and kill the engine alone once it has got somewhere: its plugins live on."""
    engine = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview"],
        cwd=stack.path,
        env=stack.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + SECONDS
    while not reached(stack):
        assert engine.poll() is None, "it ended before that"
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()


def operate(stack: ClusterStack, command: str) -> dict[str, Any]:
    """The answer of a command of `flakeship`."""
    argv = [".venv/bin/python", "-m", "flakeship", command, "--json"]
    done = run(argv, cwd=stack.path, env=stack.env, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def held(stack: ClusterStack) -> set[int]:
    """The ids of virtual machines that the state has."""
    found = stack.resources()
    return {int(each["id"]) for each in found if each["type"].endswith(":VmLegacy")}


@pytest.mark.parametrize(
    ("reached", "removed"),
    [
        (lambda it: bool(it.uploads()), "upload"),
        (lambda it: bool(everything(it)), "template"),
        (lambda it: len(everything(it)) > 1, "server"),
        (lambda it: any(vm.running for vm in it.vms()), "server"),
    ],
    ids=["upload", "template", "clone", "start"],
)
def test_a_killed_run_is_recovered(
    stack: ClusterStack, reached: Callable[[ClusterStack], bool], removed: str
) -> None:
    assert not reached(stack)
    killed(stack, reached)
    done = operate(stack, "recover")
    assert done["locks"]
    assert not done["swept"]["left"]
    assert {vm.id for vm in everything(stack)} == held(stack)
    told = [each for each in done["swept"]["removed"] if each.startswith(f"{removed} ")]
    # what was recorded before the kill is the next run's
    assert told or not any(each.startswith(MADE) for each in done["pending"])


def test_the_next_run_makes_the_rest_and_a_sweep_finds_nothing(stack: ClusterStack) -> None:
    stack.up()
    assert "appliance" in stack.page()
    assert operate(stack, "sweep")["removed"] == []
    stack.preview("--expect-no-changes")


def test_a_stack_of_the_same_name_in_another_checkout_touches_nothing(
    stack: ClusterStack, tmp_path: Path
) -> None:
    name, before = stack.stack, {vm.id for vm in stack.vms()}
    made = make(tmp_path, Path("nix/appliance"), ROOT / "nix/appliance", stack=name)
    other = ClusterStack(made.path, made.flake, made.env, name, stack.api)
    other.settings(WEB)
    done = operate(other, "sweep")
    assert done["removed"] == []
    commands = [line.split("#")[0].split() for line in done["left"] if "#" in line]
    assert {int(words[words.index("destroy") + 1]) for words in commands[:-1]} == before
    assert commands[-1][:2] == ["pvesm", "free"]
    assert {vm.id for vm in stack.vms()} == before
    assert stack.uploads()
