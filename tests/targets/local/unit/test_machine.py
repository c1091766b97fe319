import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError
from flakeship.system import files
from flakeship.system.process import run
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import (
    data_disks,
    machine,
    qemu_command,
    qemu_devices,
    qemu_process,
    workstation,
)
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.machine_state import (
    MachineRecord,
    MachineState,
    inspect_machine,
    load,
    save,
)
from flakeship.targets.local.network import network
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.resources import DataDiskRequest, MachineRequest
from tests.targets.local.unit.qemu_world import FILES, raw_image, real_qemu, refusal, request


def state(request: MachineRequest) -> MachineState:
    return inspect_machine(FILES.machine(request.id))


def boots(request: MachineRequest) -> tuple[bool, int]:
    """Whether a machine runs, and the number of the start that it is in or gets next."""
    return state(request).runs, state(request).next_boot


@pytest.fixture
def halting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MachineRequest]:
    """A real machine that boots in no time and ignores its power button."""
    # Deeper than a socket's address may be long.
    deep = tmp_path / ("deep-" * 20) / ("deeper-" * 10)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    monkeypatch.setattr(qemu_process, "POWERDOWN_SECONDS", 0.1)
    yield request(image=raw_image(tmp_path / "halt.qcow2"))
    for directory in FILES.machines.glob("*"):
        qemu_process.end(directory, gently=False)


@real_qemu
def test_a_machines_life(halting: MachineRequest, caplog: pytest.LogCaptureFixture) -> None:
    directory = FILES.machine(halting.id)
    caplog.set_level(logging.INFO, "flakeship.targets.local")
    assert state(halting) == MachineState()
    assert boots(halting) == (False, 1)
    first = machine.ensure(halting)
    assert caplog.messages == ["web-aaaa-1: started, plain emulation, 2 vCPUs, 64 MiB"]
    assert (first.accelerator, first.boot, list(first.ports)) == ("tcg", 1, [22, 80])
    assert first.workstation == workstation.identity()
    assert state(halting) == MachineState(first, runs=True, status="running")
    assert boots(halting) == (True, 1)
    assert {path.name for path in directory.iterdir()} == {
        "console.log",
        "pid",
        "qmp.sock",
        "root.qcow2",
        "run.json",
    }

    pid = (directory / "pid").read_text()
    assert machine.ensure(halting) == first
    assert (directory / "pid").read_text() == pid
    more = machine.ensure(replace(halting, ports=[80, 81]))
    assert {port: more.ports[port] for port in (22, 80)} == first.ports
    with connect(directory) as monitor:
        listed = {there: here for here, there in qemu_devices.forwards(monitor).items()}
    assert listed == more.ports
    fewer = machine.ensure(replace(halting, ports=[81]))
    assert fewer.ports == {port: more.ports[port] for port in (22, 81)}
    with connect(directory) as monitor:
        assert qemu_devices.forwards(monitor) == {here: port for port, here in fewer.ports.items()}
    more = machine.ensure(replace(halting, ports=[80, 81]))
    assert len(caplog.messages) == 1

    overlay = (directory / "root.qcow2").stat().st_ino
    os.kill(int(pid), signal.SIGKILL)
    while qemu_process.exists(directory):
        time.sleep(0.01)
    assert state(halting) == MachineState(more)
    assert boots(halting) == (False, 2)
    again = machine.ensure(replace(halting, ports=[80, 81], boot=2))
    assert again == replace(more, boot=2)
    assert (directory / "root.qcow2").stat().st_ino == overlay
    assert boots(halting) == (True, 2)

    machine.stop(halting)
    assert sorted(map(str, Path().rglob("*"))) == [".state", ".state/checkout.id"]
    machine.stop(halting)


@real_qemu
def test_a_paused_guest_is_resumed_with_the_number_of_a_start(halting: MachineRequest) -> None:
    directory = FILES.machine(halting.id)
    machine.ensure(halting)
    pid = (directory / "pid").read_text()
    with connect(directory) as monitor:
        monitor.execute("stop")
    assert not state(halting).runs
    machine.ensure(replace(halting, boot=2))
    assert boots(halting) == (True, 2)
    assert (directory / "pid").read_text() == pid


@real_qemu
def test_a_machine_that_does_not_answer_is_dead_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    monkeypatch.setattr(qemu_process, "PROBE_SECONDS", 0.1)
    directory = FILES.machine(halting.id)
    machine.ensure(halting)
    os.kill(int((directory / "pid").read_text()), signal.SIGSTOP)
    assert not state(halting).runs
    machine.stop(halting)
    assert not directory.exists()


@real_qemu
def test_a_short_stall_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    monkeypatch.setattr(qemu_process, "PROBE_SECONDS", 0.1)
    directory = FILES.machine(halting.id)
    machine.ensure(halting)
    pid = int((directory / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    assert not state(halting).runs
    goes_on = threading.Timer(0.5, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    machine.ensure(replace(halting, boot=2))
    goes_on.join()
    assert int((directory / "pid").read_text()) == pid
    assert boots(halting) == (True, 2)


@real_qemu
def test_ten_inspections_are_cheap(halting: MachineRequest) -> None:
    machine.ensure(halting)
    started = time.process_time()
    assert all(state(halting).runs for _ in range(10))
    assert time.process_time() - started < 0.1


@real_qemu
def test_the_active_machine_starts_with_its_disks(halting: MachineRequest) -> None:
    wanted, file = replace(halting, data_disks=["pg"]), FILES.data_disk("web", "pg")
    machine.ensure(wanted)
    with connect(FILES.machine(wanted.id)) as monitor:
        assert qemu_devices.disks(monitor) == {}
    qemu_process.end(FILES.machine(wanted.id), gently=False)
    files.write(FILES.active("web"), f"{wanted.id}\n")
    error = refusal(lambda: machine.ensure(wanted))
    assert (error.code, error.key) == ("data-disk-missing", wanted.id)
    assert str(file.absolute()) in error.what
    data_disks.ensure(DataDiskRequest("dev", "web", "pg", 8))
    machine.ensure(wanted)
    with connect(FILES.machine(wanted.id)) as monitor:
        assert qemu_devices.disks(monitor) == {"pg": file.absolute()}


@real_qemu
def test_a_port_that_was_taken_meanwhile_is_chosen_anew(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    host_ports = workstation.host_ports
    with socket.create_server((LOOPBACK, 0)) as listening:
        taken = listening.getsockname()[1]
        first = [{22: taken}]
        monkeypatch.setattr(
            workstation,
            "host_ports",
            lambda *given: first.pop() if first else host_ports(*given),
        )
        running = machine.ensure(halting)
    assert first == []
    assert taken not in running.ports.values()
    assert load(FILES.machine(halting.id)) == MachineRecord(
        halting.id, 1, "tcg", running.ports, workstation.identity()
    )


@real_qemu
def test_a_first_start_that_fails_leaves_nothing(halting: MachineRequest) -> None:
    error = refusal(
        lambda: machine.ensure(replace(halting, subnet="nonsense", workstation_access=True))
    )
    assert (error.code, error.key) == ("qemu-failed", halting.id)
    assert "nonsense" in error.what
    assert not FILES.machine(halting.id).exists()


@real_qemu
def test_a_later_start_that_fails_keeps_the_overlay(halting: MachineRequest) -> None:
    machine.ensure(halting)
    qemu_process.end(FILES.machine(halting.id), gently=False)
    refusal(
        lambda: machine.ensure(replace(halting, boot=2, subnet="nonsense", workstation_access=True))
    )
    assert (FILES.machine(halting.id) / "root.qcow2").exists()
    machine.ensure(replace(halting, boot=2))


@real_qemu
def test_other_bytes_are_not_booted(halting: MachineRequest) -> None:
    error = refusal(lambda: machine.ensure(replace(halting, sha512="ab" * 64)))
    assert (error.code, error.key) == ("image-changed", halting.id)
    assert error.allowed.startswith("abab")
    assert error.given.removeprefix("sha512 ")[:16] == halting.sha512[:16]
    assert "nix-store --verify-path" in error.remedy
    assert not FILES.machine(halting.id).exists()


@real_qemu
def test_a_missing_image_and_a_small_disk_are_refused(
    halting: MachineRequest, tmp_path: Path
) -> None:
    error = refusal(lambda: machine.ensure(replace(halting, image="/nix/store/no")))
    assert (error.code, error.key) == ("image-file-missing", halting.id)
    assert "/nix/store/no" in error.what
    run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "big.qcow2", "20M"])
    error = refusal(lambda: machine.ensure(request(image=tmp_path / "big.qcow2")))
    assert error.code == "disk-too-small"
    assert (error.given, error.allowed) == ("16 MiB", "20 MiB or more")


@real_qemu
def test_a_raw_image_is_booted_as_one(halting: MachineRequest, tmp_path: Path) -> None:
    raw = tmp_path / "halt.raw"
    machine.ensure(request(image=raw, format="raw"))
    root = FILES.machine(halting.id) / "root.qcow2"
    told = run(["qemu-img", "info", "-U", "--output=json", root]).stdout
    assert json.loads(told)["backing-filename-format"] == "raw"


def test_a_recycled_pid_is_not_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    directory = FILES.machine("web-aaaa-1")
    save(directory, MachineRecord("web-aaaa-1", 3, "tcg", {22: 1}, workstation.identity()))
    (directory / "pid").write_text(f"{os.getpid()}\n")
    assert boots(request()) == (False, 4)
    machine.stop(request())
    assert not directory.exists()


def test_a_machine_of_another_workstation_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = request(workstation="elsewhere-1")

    def refused(act: Callable[[], object]) -> bool:
        error = refusal(act)
        assert (error.code, error.key) == ("workstation-mismatch", "web-aaaa-1")
        here = workstation.identity().partition("/")[0]
        return (error.given, error.allowed) == (here, "elsewhere-1")

    assert refused(lambda: machine.ensure(foreign))
    assert refused(lambda: machine.stop(foreign))
    assert not FILES.directory.exists()
    directory = FILES.machine("web-aaaa-1")
    save(directory, MachineRecord("web-aaaa-1", 1, "tcg", {22: 1}, "elsewhere-1"))
    assert refused(lambda: machine.stop(request()))
    assert refused(lambda: machine.ensure(request()))


def test_a_record_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    files.write(FILES.machine("web-aaaa-1") / "run.json", "{}\n")
    error = refusal(lambda: state(request()))
    assert (error.code, error.key) == ("record-invalid", "web-aaaa-1")


def test_an_active_machine_is_not_removed_before_another_one_takes_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = request()
    for name in (mine.id, "web-bbbb-1", "web-pg-aaaa-1"):
        record = MachineRecord(name, 1, "tcg", {22: 1}, workstation.identity())
        save(FILES.machine(name), record)
    files.write(FILES.active("web"), f"{mine.id}\n")
    error = refusal(lambda: machine.stop(mine))
    assert (error.code, error.key) == ("machine-active", mine.id)
    assert "web-bbbb-1 did not take over" in error.what
    machine.stop(replace(mine, machine="web-bbbb-1"))
    machine.stop(mine)  # to replace it: there is no other one
    assert [left.name for left in FILES.machines.iterdir()] == ["web-pg-aaaa-1"]


def test_ports_are_tried_five_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    tried: list[list[str]] = []

    def taken(argv: list[str], **_: object) -> None:
        tried.append(argv)
        raise CommandError("taken", 1, "Could not set up host forwarding rule 'tcp:...'")

    monkeypatch.setattr(machine, "run", taken)
    FILES.machine(request().id).mkdir(parents=True)
    error = refusal(lambda: machine._launch(request(), "tcg", {}, {}))
    assert error.code == "qemu-failed"
    assert len(tried) == 5
    assert tried[0][0] == "qemu-system-x86_64"


def argv_of(kind: Accelerator = "tcg") -> list[str]:
    disks = {"pg": Path("/s/a,b.qcow2")}
    wanted = request(vcpus=1)
    with network(wanted, {22: 60022, 80: 60080}) as guests:
        return qemu_command.command(wanted, kind, guests.argv, disks, 7)


def options(argv: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == option]


def test_only_the_workstation_reaches_the_forwarded_ports() -> None:
    netdev, *_ = options(argv_of(), "-netdev")
    rules = [part for part in netdev.split(",") if part.startswith("hostfwd=")]
    assert rules == ["hostfwd=tcp:127.0.0.1:60022-:22", "hostfwd=tcp:127.0.0.1:60080-:80"]
    assert "net=10.3.4.0/24" in netdev


def test_a_machine_is_confined_and_has_no_devices_but_its_own() -> None:
    argv = argv_of()
    assert {"-nodefaults", "-no-user-config", "-daemonize"} <= set(argv)
    assert options(argv, "-sandbox") == ["on,obsolete=deny,resourcecontrol=deny"]
    assert options(argv, "-display") == ["none"]
    devices = [device.partition(",")[0] for device in options(argv, "-device")]
    assert sorted(devices) == [
        *("pvpanic", "virtio-blk-pci", "virtio-blk-pci", "virtio-net-pci", "virtio-rng-pci")
    ]


def test_disks_are_known_to_the_guest_by_serial_number_and_to_qemu_by_file() -> None:
    root, data = map(json.loads, options(argv_of(), "-blockdev"))
    assert root["file"] == {"driver": "file", "filename": "root.qcow2"}
    assert data == {
        "driver": "qcow2",
        "node-name": "data-pg",
        "discard": "unmap",
        "file": {"driver": "file", "filename": "/s/a,b.qcow2"},
    }
    assert "virtio-blk-pci,id=disk-pg,drive=data-pg,serial=pg" in options(argv_of(), "-device")


@pytest.mark.parametrize(("declared", "below"), [("qcow2", {"backing": None}), ("raw", {})])
def test_the_image_is_opened_as_declared_and_nothing_below_it(
    declared: str, below: dict[str, None]
) -> None:
    argv = qemu_command.command(request(format=declared), "tcg", [], {}, 7)
    (root,) = map(json.loads, options(argv, "-blockdev"))
    image = {"driver": "file", "filename": "/nix/store/x-image/disk.qcow2"}
    assert root["backing"] == {"driver": declared, "read-only": True, "file": image, **below}


@pytest.mark.parametrize(
    ("kind", "accel", "cpu"), [("tcg", "tcg,thread=multi", "max,-cx16"), ("kvm", "kvm", "host")]
)
def test_the_processor_fits_the_accelerator(kind: Accelerator, accel: str, cpu: str) -> None:
    argv = argv_of(kind)
    assert (options(argv, "-accel"), options(argv, "-cpu")) == ([accel], [cpu])


@real_qemu
def test_nothing_holds_our_pipes(tmp_path: Path) -> None:
    # What `pulumi up` would wait for: the end of the output of a command whose child stays.
    program = (
        "from flakeship.targets.local import machine\n"
        "from tests.targets.local.unit.qemu_world import raw_image, request\n"
        "from pathlib import Path\n"
        "machine.accelerator = lambda: 'tcg'\n"
        "machine.ensure(request(image=raw_image(Path('halt.qcow2').absolute())))\n"
    )
    path = [str(Path(__file__).parents[4]), *sys.path]
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ":".join(path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert inspect_machine(tmp_path / FILES.machine("web-aaaa-1")).runs
    finally:
        qemu_process.end(tmp_path / FILES.machine("web-aaaa-1"), gently=False)
