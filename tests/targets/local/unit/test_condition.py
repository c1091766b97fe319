"""A machine that does not run is named for what it is; one that was only paused goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.system.process import run
from flakeship.targets.local import accelerator, condition, machine, qemu_process, verify_machine
from flakeship.targets.local.inspect import inspect
from flakeship.targets.local.machine_state import inspect_machine
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.resources import MachineRequest, VerifyMachineRequest
from flakeship.verify.request import VerifyRequest
from tests.targets.local.unit.qemu_world import FILES, HALT, raw_image, real_qemu, refusal, request
from tests.targets.local.unit.test_inspect import settings

# Writes a sector of each 64 KiB of its disk, by int 13h, in a loop.
WRITES = bytes.fromhex(
    "31c0 8ed8 be207c"  # ds = 0; si = 0x7c20
    "b443 b000 b280 cd13"  # write by the packet at si
    "8106287c8000 ebf0"  # add word [0x7c28], 128; loop
).ljust(32, b"\0") + bytes.fromhex("10000100 007c0000 8000000000000000")
DIRECTORY = FILES.machine("web-aaaa-1")


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(accelerator, "accelerator", lambda: "tcg")
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    yield tmp_path
    qemu_process.end(DIRECTORY, gently=False)


@pytest.fixture
def small(project: Path) -> Iterator[Path]:
    """A `.state` with room for 1 MiB."""
    state = project / ".state"
    state.mkdir()
    try:
        run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "flakeship-test", state])
    except CommandError as error:
        pytest.skip(f"only root can make a small file system: {error}")
    yield state
    qemu_process.end(DIRECTORY, gently=False)
    run(["umount", "--lazy", state])  # whoever looks at it meanwhile keeps it busy


def started(image: Path) -> MachineRequest:
    wanted = request(image=image)
    machine.ensure(wanted)
    return wanted


def pid() -> str:
    return (DIRECTORY / "pid").read_text()


def verification(wanted: MachineRequest) -> VerifyMachineRequest:
    checks = VerifyRequest(wanted.id, [], "nixos", "", "", 16, deadline=0.1)
    return VerifyMachineRequest(checks, {22: 9}, wanted.subnet, str(DIRECTORY / "console.log"))


@real_qemu
def test_a_full_disk_is_told_as_that_and_the_guest_goes_on(small: Path, project: Path) -> None:
    image = project / "writes.qcow2"
    image.with_suffix(".raw").write_bytes(WRITES.ljust(510, b"\0") + HALT[510:])
    run(["qemu-img", "convert", "-O", "qcow2", "-f", "raw", image.with_suffix(".raw"), image])
    wanted = request(image=image)
    machine.ensure(wanted)
    assert any(qemu_process.state(DIRECTORY) == condition.FULL for _ in backoff(20))
    assert inspect_machine(DIRECTORY).status == condition.FULL
    assert inspect("dev", settings()).free_disk in {0, 1}
    before = pid()
    error = refusal(lambda: machine.ensure(wanted))
    assert (error.code, error.key) == ("disk-full", wanted.id)
    error = refusal(lambda: verify_machine.verify_machine(verification(wanted), []))
    assert (error.code, error.key) == ("disk-full", wanted.id)
    assert pid() == before

    run(["mount", "-o", "remount,size=64m", small])
    machine.ensure(wanted)
    assert qemu_process.state(DIRECTORY) == condition.RUNNING
    assert pid() == before


@real_qemu
def test_a_paused_guest_goes_on(project: Path) -> None:
    wanted = started(raw_image(project / "halt.qcow2"))
    before = pid()
    with connect(DIRECTORY) as monitor:
        monitor.execute("stop")
    assert inspect_machine(DIRECTORY).status == condition.PAUSED
    error = refusal(lambda: verify_machine.verify_machine(verification(wanted), []))
    assert (error.code, error.key) == ("machine-stopped", wanted.id)
    assert "paused" in error.what
    machine.ensure(wanted)
    assert (qemu_process.state(DIRECTORY), pid()) == (condition.RUNNING, before)


def pause(then: FlakeshipError) -> None:
    with connect(DIRECTORY) as monitor:
        monitor.execute("stop")
    raise then


@real_qemu
def test_a_guest_that_stops_during_its_checks_is_told_as_that(project: Path) -> None:
    wanted = started(raw_image(project / "halt.qcow2"))
    failed = FlakeshipError("no SSH login", details=["the console"])
    with pytest.raises(FlakeshipError) as raised, verify_machine.named_stop(verification(wanted)):
        pause(failed)
    assert raised.value.code == "machine-stopped"
    assert raised.value.details == ("no SSH login", "the console")
    with connect(DIRECTORY) as monitor:
        monitor.execute("cont")
    with pytest.raises(FlakeshipError) as raised, verify_machine.named_stop(verification(wanted)):
        raise failed
    assert raised.value is failed


@real_qemu
def test_a_machine_that_ended_is_told_as_that(project: Path) -> None:
    wanted = started(raw_image(project / "halt.qcow2"))
    qemu_process.end(DIRECTORY, gently=False)
    error = refusal(lambda: verify_machine.verify_machine(verification(wanted), []))
    assert (error.code, error.what) == ("machine-stopped", "its QEMU does not run")


RECORDS = {
    "empty": b"",
    "cut off": b'{"id": "web-aaaa-1", "boot"',
    "not text": b"\xff\xfe\0",
    "another value": b"[]",
    "deep": b"[" * 100_000,
    "a boolean": json.dumps({"id": "web-aaaa-1", "boot": {}, "accelerator": "tcg"}).encode(),
}


@pytest.mark.parametrize("name", [*RECORDS, "a directory"])
def test_a_record_that_is_damaged_is_named(name: str) -> None:
    DIRECTORY.mkdir(parents=True)
    file = DIRECTORY / "run.json"
    if name in RECORDS:
        file.write_bytes(RECORDS[name])
    else:
        file.mkdir()
    wanted = request()
    for act in (
        lambda: inspect("dev", settings()),
        lambda: machine.ensure(wanted),
        lambda: machine.stop(wanted),
    ):
        error = refusal(act)
        assert (error.code, error.key) == ("record-invalid", wanted.id)
        assert str(file) in error.what
        assert str(DIRECTORY) in error.remedy


@pytest.mark.parametrize("text", ["../../../etc", "x y", "web/../..", "-rf", "a" * 200, "\x1b[2J"])
def test_the_name_of_an_active_machine_is_no_path(text: str) -> None:
    FILES.active("web").parent.mkdir(parents=True)
    FILES.active("web").write_text(f"{text}\n")
    for act in (lambda: inspect("dev", settings()), lambda: machine.stop(request())):
        error = refusal(act)
        assert (error.code, error.key) == ("record-invalid", str(FILES.active("web")))
        assert error.given.isprintable()


@pytest.mark.parametrize("data", [b"x", b"1e3", b"-1", b"\xd9\xa3", b"9" * 5000, b"\xff"])
def test_the_number_of_a_cutover_is_one(data: bytes) -> None:
    FILES.generation("web").parent.mkdir(parents=True)
    FILES.generation("web").write_bytes(data)
    error = refusal(lambda: inspect("dev", settings()))
    assert error.code == "record-invalid"
    assert error.key == str(FILES.generation("web"))


def test_a_stray_file_among_the_machines_is_left_alone() -> None:
    FILES.machines.mkdir(parents=True)
    (FILES.machines / "notes.txt").write_text("mine")
    (FILES.machines / "backup").mkdir()
    assert "notes.txt" not in inspect("dev", settings()).machines
    FILES.active("web").parent.mkdir()
    FILES.active("web").write_text("web-aaaa-1\n")
    DIRECTORY.mkdir()
    machine.stop(replace(request(), data_disks=[]))
    assert (FILES.machines / "notes.txt").exists()
