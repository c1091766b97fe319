"""A checkout has an id of its own, and its machines are found wherever they run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.state.stack import Stack
from flakeship.system import tcp
from flakeship.targets.local import (
    checkout,
    copies,
    cutover,
    machine,
    qemu_process,
    workstation,
)
from flakeship.targets.local.inspect import inspect
from flakeship.targets.local.operate import LocalOperator
from tests.targets.local.unit.qemu_world import (
    FILES,
    cutover_request,
    raw_image,
    real_qemu,
    refusal,
    request,
)
from tests.targets.local.unit.test_inspect import settings

FIRST = Path("first")


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / FIRST).mkdir()
    monkeypatch.chdir(tmp_path / FIRST)
    return tmp_path


def test_the_id_is_random_and_made_once(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        (made,) = {*pool.map(lambda _: checkout.identifier(), range(32))}
    assert [path.name for path in Path(".state").iterdir()] == ["checkout.id"]
    monkeypatch.chdir(directory)
    assert checkout.identifier() != made


@pytest.mark.parametrize(
    "data", [b"x", b"0123456789abcdef", b"../../etc/x\n", b"0123456789AB\n", b"\xff", None]
)
def test_an_id_that_cannot_be_read_is_refused(data: bytes | None) -> None:
    checkout.identifier()
    file = Path(".state/checkout.id")
    if data is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(data)
    error = refusal(checkout.identifier)
    assert "backup" in error.remedy
    assert "pulumi up" not in error.remedy
    assert (error.code, error.key) == ("checkout-id-invalid", ".state/checkout.id")


def test_the_environment_of_qemu_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OS_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PULUMI_CONFIG_PASSPHRASE", "LD_PRELOAD"):
        monkeypatch.setenv(name, "secret")
    assert checkout.environment() == {"PATH": os.environ["PATH"]}


@pytest.fixture
def running(directory: Path) -> Iterator[None]:
    machine.ensure(request(image=raw_image(directory / "halt.qcow2")))
    yield
    for found in [*copies.processes()]:
        if str(directory) in str(found.directory):
            os.kill(found.pid, 9)


BUSY = """
import os, sys
image = open("root.qcow2", "w")
print(flush=True)
while True:
    for descriptor in [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]:
        os.close(descriptor)
"""


def test_a_process_that_opens_and_closes_files_is_found() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, env={checkout.VARIABLE: "x"}
    )
    with child:
        try:
            assert child.stdout
            child.stdout.readline()
            for _ in range(10):
                found = [each.pid for each in copies.processes() if each.mark == "x"]
                assert found == [child.pid]
        finally:
            child.kill()


def refused_everywhere() -> None:
    """No command reports as removed, started or served what runs in another directory."""
    wanted = request(workstation=workstation.identity())
    for act in (
        lambda: machine.ensure(wanted),
        lambda: machine.stop(wanted),
        lambda: machine.remove(FILES.machine(wanted.id)),
        lambda: cutover.remove(cutover_request(wanted.id)),
    ):
        error = refusal(act)
        assert (error.code, error.key) == ("machine-elsewhere", wanted.id)
    assert len([*copies.processes()]) >= 1


@real_qemu
@pytest.mark.usefixtures("running")
def test_a_copy_of_a_checkout_does_not_act_for_the_first(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    (found,) = [each for each in copies.processes() if directory in each.directory.parents]
    assert found.directory == (directory / FIRST / FILES.machine("web-aaaa-1"))
    assert copies.elsewhere(FILES.machine("web-aaaa-1")) is None
    copy = directory / "copy"
    # a socket cannot be copied
    shutil.copytree(directory / FIRST, copy, ignore=shutil.ignore_patterns("qmp.sock"))
    monkeypatch.chdir(copy)
    refused_everywhere()
    assert inspect("dev", settings()).machines["web-aaaa-1"].elsewhere == found
    shutil.rmtree(".state/dev")  # also without a file that tells of it
    refused_everywhere()
    assert LocalOperator(Stack("dev", {})).sweep().left[0].endswith(str(found))
    monkeypatch.chdir(directory / FIRST)
    machine.stop(request())
    assert not qemu_process.exists(FILES.machine("web-aaaa-1"))


@real_qemu
@pytest.mark.usefixtures("running")
def test_a_restored_state_does_not_hide_what_runs(directory: Path) -> None:
    """`.state` was removed while a machine ran, and comes back from a backup."""
    backup = directory / "backup"
    shutil.copytree(".state", backup, ignore=shutil.ignore_patterns("qmp.sock"))
    shutil.rmtree(".state")
    shutil.copytree(backup, ".state")
    refused_everywhere()
    (found,) = [each for each in copies.processes() if directory in each.directory.parents]
    assert found.removed
    assert f"kill {found.pid}" in refusal(lambda: machine.stop(request())).remedy


@real_qemu
@pytest.mark.usefixtures("running")
def test_a_moved_checkout_goes_on(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    (directory / FIRST).rename(directory / "moved")
    monkeypatch.chdir(directory / "moved")
    assert copies.elsewhere(FILES.machine("web-aaaa-1")) is None
    machine.stop(request())
    assert not FILES.machines.exists()


@real_qemu
@pytest.mark.usefixtures("running")
def test_another_checkout_is_refused(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """The stack's state is shared, the directory is not: nothing here has the machine."""
    recorded = request(workstation=workstation.identity())
    monkeypatch.chdir(directory)
    for act in (lambda: machine.ensure(recorded), lambda: machine.stop(recorded)):
        error = refusal(act)
        assert (error.code, error.allowed) == ("checkout-mismatch", recorded.workstation[-12:])
    moved = replace(cutover_request(recorded.id), workstation=recorded.workstation)
    assert refusal(lambda: cutover.remove(moved)).code == "checkout-mismatch"
    assert not FILES.directory.exists()


def test_a_privileged_port_is_not_said_to_be_held() -> None:
    """As another user than root, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = listening.getsockname()[1]
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            names = [type(tcp.refusal(port)).__name__ for port in (80, taken)]
            os.write(writer, " ".join(names).encode())
            os._exit(0)
        os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        privileged, held = pipe.read().split()
    assert held == "OSError"
    assert privileged == ("PermissionError" if workstation.first_port() > 80 else "NoneType")
