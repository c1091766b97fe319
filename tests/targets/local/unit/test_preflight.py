"""What the workstation does not have is refused, and what may run badly is warned of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.targets.local.preflight import MAX_DISKS
from tests.targets.local.unit.qemu_world import refusal
from tests.targets.local.unit.test_plan import EMPTY, WEB, in_place, machine, planned

HERE = replace(EMPTY, memory=8192, cpus=2, free_disk=50000)


def disks(count: int) -> dict[str, Any]:
    return {"dataDisks": {f"d{number}": "1G" for number in range(count)}}


LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "memory": ({"memory": "1000G"}, "servers[0].memory"),
    "a little more memory": ({"memory": 8193}, "servers[0].memory"),
    "processors": ({"vcpus": 256}, "servers[0].vcpus"),
    "data disks": (disks(30), "servers[0].dataDisks"),
    "one data disk more": (disks(MAX_DISKS + 1), "servers[0].dataDisks"),
    "servers": ({"count": 100, "memory": "1G"}, "servers"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_the_workstation_does_not_have_is_refused(name: str) -> None:
    given, key = LIMITS[name]
    error = refusal(lambda: planned({"name": "web"} | given, inventory=HERE))
    assert error.code == ("stack-too-large" if key == "servers" else "server-too-large")
    assert error.key == f"flakeship:{key}"
    assert error.given
    assert error.allowed


def test_as_much_as_the_workstation_has_is_no_reason_to_warn() -> None:
    given = {"name": "web", "memory": 8192, "vcpus": 4, **disks(MAX_DISKS)}
    assert planned(given, inventory=HERE).warnings == []


def test_what_may_run_badly_is_warned_of() -> None:
    given = {"name": "web", "memory": "6G", "vcpus": 64, "count": 2}
    memory, *vcpus, disk = planned(given, inventory=replace(HERE, free_disk=100)).warnings
    assert "12288 MiB" in memory
    assert [line.partition(":")[0] for line in vcpus] == ["web-1", "web-2"]
    assert "100 MiB left" in disk


@pytest.mark.parametrize(
    ("status", "room", "words"),
    [
        ("io-error", 3, ("disk of .state is full (3 MiB left)", "resumes it")),
        ("io-error", 50000, ("a write to its disk failed", "resumes it")),
        ("paused", 50000, ("is paused", "resumes it")),
        ("guest-panicked", 50000, ("kernel of its guest panicked", "starts it again")),
        ("silent", 50000, ("does not answer", "starts it again")),
        ("nonesuch", 50000, ("nonesuch", "starts it again")),
    ],
)
def test_a_stopped_machine_is_named_for_what_it_is(
    status: str, room: int, words: tuple[str, str]
) -> None:
    inventory = replace(machine(in_place(), runs=False, status=status), free_disk=room)
    line = planned(WEB, inventory=inventory).warnings[0]
    assert all(word in line for word in words), line
