import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.process import run
from flakeship.targets.local import (
    data_disks,
    host,
    hotplug,
    machine,
    port_forwards,
    qemu_command,
    qemu_process,
)
from flakeship.targets.local.machine import Probe
from flakeship.targets.local.machine_record import MachineRecord, load, save
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import DiskRequest, MachineRequest
from tests.targets.local.unit.qemu_world import MACHINES, raw_image, real_qemu, refusal, request


def quiet(_: str) -> None:
    pass


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
    for directory in MACHINES.glob("*"):
        qemu_process.end(directory, gently=False)


@real_qemu
def test_a_machines_life(halting: MachineRequest) -> None:
    directory = Path(halting.directory)
    said: list[str] = []
    assert machine.probe(directory) == Probe(runs=False, boot=0, lives_on="")
    assert machine.next_boot(machine.probe(directory)) == 1
    first = machine.ensure(halting, said.append)
    assert said == ["web-aaaa-1: started, plain emulation, 2 vCPUs, 64 MiB"]
    assert (first.accelerator, first.boot, list(first.ports)) == ("tcg", 1, [22, 80])
    assert machine.probe(directory) == Probe(runs=True, boot=1, lives_on=host.this_host())
    assert machine.next_boot(machine.probe(directory)) == 1
    files = {path.name for path in directory.iterdir()}
    assert files == {"console.log", "pid", "qmp.sock", "root.qcow2", "run.json"}

    pid = (directory / "pid").read_text()
    assert machine.ensure(halting, said.append) == first
    assert (directory / "pid").read_text() == pid
    more = machine.ensure(replace(halting, ports=[80, 81]), said.append)
    assert {port: more.ports[port] for port in (22, 80)} == first.ports
    with connect(directory) as monitor:
        listed = {there: here for here, there in port_forwards.listed(monitor).items()}
    assert listed == more.ports
    fewer = machine.ensure(replace(halting, ports=[81]), said.append)
    assert fewer.ports == {port: more.ports[port] for port in (22, 81)}
    with connect(directory) as monitor:
        assert port_forwards.listed(monitor) == {here: port for port, here in fewer.ports.items()}
    more = machine.ensure(replace(halting, ports=[80, 81]), said.append)
    assert len(said) == 1

    overlay = (directory / "root.qcow2").stat().st_ino
    os.kill(int(pid), signal.SIGKILL)
    while qemu_process.exists(directory):
        time.sleep(0.01)
    died = machine.probe(directory)
    assert died == Probe(runs=False, boot=1, lives_on=host.this_host())
    again = machine.ensure(
        replace(halting, ports=[80, 81], boot=machine.next_boot(died)), said.append
    )
    assert again == replace(more, boot=2)
    assert (directory / "root.qcow2").stat().st_ino == overlay
    assert machine.next_boot(machine.probe(directory)) == 2

    machine.stop(halting)
    assert list(Path().iterdir()) == []
    machine.stop(halting)


@real_qemu
def test_a_paused_guest_is_dead_and_started_again(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    monkeypatch.setattr(qemu_process, "PATIENCE_SECONDS", 0.1)
    directory = Path(halting.directory)
    machine.ensure(halting, quiet)
    with connect(directory) as monitor:
        monitor.execute("stop")
    assert not machine.probe(directory).runs
    machine.ensure(replace(halting, boot=2), quiet)
    assert machine.probe(directory) == Probe(runs=True, boot=2, lives_on=host.this_host())


@real_qemu
def test_a_machine_that_does_not_answer_is_dead_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    monkeypatch.setattr(qemu_process, "PROBE_SECONDS", 0.1)
    directory = Path(halting.directory)
    machine.ensure(halting, quiet)
    os.kill(int((directory / "pid").read_text()), signal.SIGSTOP)
    assert not machine.probe(directory).runs
    machine.stop(halting)
    assert not directory.exists()


@real_qemu
def test_a_short_stall_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    monkeypatch.setattr(qemu_process, "PROBE_SECONDS", 0.1)
    directory = Path(halting.directory)
    machine.ensure(halting, quiet)
    pid = int((directory / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    assert not machine.probe(directory).runs
    goes_on = threading.Timer(0.5, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    machine.ensure(replace(halting, boot=2), quiet)
    goes_on.join()
    assert int((directory / "pid").read_text()) == pid
    assert machine.probe(directory) == Probe(runs=True, boot=2, lives_on=host.this_host())


@real_qemu
def test_ten_probes_are_cheap(halting: MachineRequest) -> None:
    machine.ensure(halting, quiet)
    started = time.process_time()
    assert all(machine.probe(Path(halting.directory)).runs for _ in range(10))
    assert time.process_time() - started < 0.1


@real_qemu
def test_the_active_machine_starts_with_its_disks(halting: MachineRequest) -> None:
    files = {"pg": ".state/dev/disks/web/pg.qcow2"}
    wanted = replace(halting, disks=files)
    machine.ensure(wanted, quiet)
    with connect(Path(wanted.directory)) as monitor:
        assert hotplug.attached(monitor) == {}
    qemu_process.end(Path(wanted.directory), gently=False)
    Path(wanted.active).parent.mkdir()
    Path(wanted.active).write_text(f"{wanted.id}\n")
    said = refusal(lambda: machine.ensure(wanted, quiet))
    assert said.startswith("web-aaaa-1: its data disk pg is missing (")
    data_disks.ensure(DiskRequest(files["pg"], 8))
    machine.ensure(wanted, quiet)
    with connect(Path(wanted.directory)) as monitor:
        assert hotplug.attached(monitor) == {"pg": Path(files["pg"]).absolute()}


@real_qemu
def test_a_port_that_was_taken_meanwhile_is_chosen_anew(
    monkeypatch: pytest.MonkeyPatch, halting: MachineRequest
) -> None:
    keep_or_choose = host.keep_or_choose
    with socket.create_server((host.LOOPBACK, 0)) as listening:
        taken = listening.getsockname()[1]
        first = [{22: taken}]
        monkeypatch.setattr(
            host,
            "keep_or_choose",
            lambda *given: first.pop() if first else keep_or_choose(*given),
        )
        running = machine.ensure(halting, quiet)
    assert first == []
    assert taken not in running.ports.values()
    assert load(Path(halting.directory)) == MachineRecord(
        halting.id, 1, "tcg", running.ports, host.this_host()
    )


@real_qemu
def test_a_first_start_that_fails_leaves_nothing(halting: MachineRequest) -> None:
    said = refusal(lambda: machine.ensure(replace(halting, subnet="nonsense"), quiet))
    assert said.startswith("web-aaaa-1 could not be started: `qemu-system-x86_64 -name web-aaaa-1")
    assert "nonsense" in said
    assert not Path(halting.directory).exists()


@real_qemu
def test_a_later_start_that_fails_keeps_the_overlay(halting: MachineRequest) -> None:
    machine.ensure(halting, quiet)
    qemu_process.end(Path(halting.directory), gently=False)
    refusal(lambda: machine.ensure(replace(halting, boot=2, subnet="nonsense"), quiet))
    assert Path(halting.directory, "root.qcow2").exists()
    machine.ensure(replace(halting, boot=2), quiet)


@real_qemu
def test_other_bytes_are_not_booted(halting: MachineRequest) -> None:
    said = refusal(lambda: machine.ensure(replace(halting, sha512="ab" * 64), quiet))
    assert said.startswith(f"web-aaaa-1 is not booted: {halting.image} has the sha512 ")
    assert not Path(halting.directory).exists()


@real_qemu
def test_a_missing_image_and_a_small_disk_are_refused(
    halting: MachineRequest, tmp_path: Path
) -> None:
    with pytest.raises(FlakeshipError) as raised:
        machine.ensure(replace(halting, image="/nix/store/no"), quiet)
    assert (raised.value.code, raised.value.key) == ("store-path-missing", "web-aaaa-1")
    run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "big.qcow2", "20M"])
    said = refusal(lambda: machine.ensure(request(image=tmp_path / "big.qcow2"), quiet))
    assert "its disk has 16 MiB, the image" in said
    assert "set the server's disk to at least 20" in said


@real_qemu
def test_a_raw_image_is_booted_as_one(halting: MachineRequest, tmp_path: Path) -> None:
    raw = tmp_path / "halt.raw"
    machine.ensure(request(image=raw, format="raw"), quiet)
    root = Path(halting.directory, "root.qcow2")
    told = run(["qemu-img", "info", "-U", "--output=json", root]).stdout
    assert json.loads(told)["backing-filename-format"] == "raw"


def test_a_recycled_pid_is_not_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    directory = MACHINES / "web-aaaa-1"
    save(directory, MachineRecord("web-aaaa-1", 3, "tcg", {22: 1}, host.this_host()))
    (directory / "pid").write_text(f"{os.getpid()}\n")
    assert machine.probe(directory) == Probe(runs=False, boot=3, lives_on=host.this_host())
    assert machine.next_boot(machine.probe(directory)) == 4
    machine.stop(request())
    assert not directory.exists()


def test_another_hosts_machine_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = request(lives_on="elsewhere-1")
    expected = (
        f"web-aaaa-1 lives on the host elsewhere-1, this is {host.this_host()}: a `local` server "
        f"is changed and destroyed only where it runs; run this on elsewhere-1. {host.GONE}"
    )
    assert refusal(lambda: machine.ensure(foreign, quiet)) == expected
    assert refusal(lambda: machine.stop(foreign)) == expected
    assert list(tmp_path.iterdir()) == []
    save(MACHINES / "web-aaaa-1", MachineRecord("web-aaaa-1", 1, "tcg", {22: 1}, "elsewhere-1"))
    assert refusal(lambda: machine.stop(request())) == expected
    assert refusal(lambda: machine.ensure(request(), quiet)) == expected


def test_who_serves_is_not_removed_in_favour_of_who_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = request()
    for name in (mine.id, "web-bbbb-1", "web-pg-aaaa-1"):
        save(MACHINES / name, MachineRecord(name, 1, "tcg", {22: 1}, host.this_host()))
    active = Path(mine.active)
    active.parent.mkdir()
    active.write_text(f"{mine.id}\n")
    assert refusal(lambda: machine.stop(mine)) == (
        "web-aaaa-1 is not removed: it serves as web (.state/dev/active/web says so), and "
        "web-bbbb-1 did not take over; `pulumi up` cuts over first"
    )
    machine.stop(replace(mine, id="web-bbbb-1", directory=str(MACHINES / "web-bbbb-1")))
    machine.stop(mine)  # to replace it: there is nobody else
    assert [left.name for left in MACHINES.iterdir()] == ["web-pg-aaaa-1"]


def test_ports_are_tried_five_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    tried: list[list[str]] = []

    def taken(argv: list[str], **_: object) -> None:
        tried.append(argv)
        raise CommandError("taken", 1, "Could not set up host forwarding rule 'tcp:...'")

    monkeypatch.setattr(machine, "run", taken)
    Path(request().directory).mkdir(parents=True)
    refusal(lambda: machine._launch(request(), "tcg", {}, {}))
    assert len(tried) == 5
    assert tried[0][0] == "qemu-system-x86_64"


def test_exact_argv() -> None:
    argv = qemu_command.command(
        request(vcpus=1), "tcg", {22: 60022, 80: 60080}, {"pg": Path("/s/a,b.qcow2")}
    )
    assert argv == [
        "qemu-system-x86_64",
        *("-name", "web-aaaa-1"),
        *("-machine", "pc"),
        *("-accel", "tcg,thread=multi"),
        *("-cpu", "max,-cx16"),
        *("-smp", "1"),
        *("-m", "64M"),
        "-nodefaults",
        "-no-user-config",
        *("-display", "none"),
        *("-sandbox", "on,obsolete=deny,resourcecontrol=deny"),
        *(
            "-blockdev",
            "driver=qcow2,node-name=root,discard=unmap,file.driver=file,file.filename=root.qcow2",
        ),
        *("-device", "virtio-blk-pci,id=disk-root,drive=root,bootindex=0"),
        *(
            "-netdev",
            "user,id=net0,net=10.3.4.0/24,hostfwd=tcp:127.0.0.1:60022-:22,"
            "hostfwd=tcp:127.0.0.1:60080-:80",
        ),
        *("-device", "virtio-net-pci,netdev=net0"),
        *("-device", "virtio-rng-pci"),
        *("-device", "pvpanic"),
        *("-chardev", "file,id=console,path=console.log,append=on"),
        *("-serial", "chardev:console"),
        *("-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
        *(
            "-blockdev",
            "driver=qcow2,node-name=data-pg,discard=unmap,file.driver=file,"
            "file.filename=/s/a,,b.qcow2",
        ),
        *("-device", "virtio-blk-pci,id=disk-pg,drive=data-pg,serial=pg"),
        *("-pidfile", "pid"),
        "-daemonize",
    ]
    assert qemu_command.overlay(Path("/nix/store/x/disk.qcow2"), "qcow2", "root.new", 2048) == [
        *("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"),
        *("-b", "/nix/store/x/disk.qcow2", "root.new", "2048M"),
    ]


def test_kvm_argv() -> None:
    argv = qemu_command.command(request(), "kvm", {22: 60022}, {})
    assert argv[argv.index("-accel") + 1] == "kvm"
    assert argv[argv.index("-cpu") + 1] == "host"


@real_qemu
def test_nothing_holds_our_pipes(tmp_path: Path) -> None:
    # What `pulumi up` would wait for: the end of the output of a command whose child stays.
    program = (
        "from flakeship.targets.local import machine\n"
        "from tests.targets.local.unit.qemu_world import raw_image, request\n"
        "from pathlib import Path\n"
        "machine.accelerator = lambda: 'tcg'\n"
        "machine.ensure(request(image=raw_image(Path('halt.qcow2').absolute())), print)\n"
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
        assert qemu_process.runs(tmp_path / MACHINES / "web-aaaa-1")
    finally:
        qemu_process.end(tmp_path / MACHINES / "web-aaaa-1", gently=False)
