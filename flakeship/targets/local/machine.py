"""A server's machine: one directory, one QEMU process, one overlay on an image in the store."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.ports import SSH
from flakeship.nix import image_file
from flakeship.system.files import locked, refuse_links, tidy
from flakeship.system.process import run
from flakeship.targets.image_gone import image_gone
from flakeship.targets.local import (
    checkout,
    condition,
    console,
    copies,
    qemu_command,
    qemu_devices,
    qemu_process,
    workstation,
)
from flakeship.targets.local.accelerator import Accelerator, accelerator
from flakeship.targets.local.machine_state import MachineRecord, load, save
from flakeship.targets.local.network import network
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.resources import MachineRequest
from flakeship.targets.local.stack_files import server_of
from flakeship.verify.console import File, tail

log = logging.getLogger(__name__)

ATTEMPTS = 5
_PORT_TAKEN = re.compile(r"hostfwd|host forwarding rule")


def ensure(request: MachineRequest) -> MachineRecord:
    """Start a machine; one that runs already only gets the ports of the request.

    A first start that fails leaves nothing behind. Raises FlakeshipError: `workstation-mismatch`,
    `checkout-mismatch`, `machine-elsewhere`, `image-changed`, as nix.image_file.check,
    `disk-too-small`, `data-disk-missing`, `disk-full`, `qemu-failed`.
    """
    directory = request.files.machine(request.id)
    workstation.require(request.workstation, request.id)
    copies.refuse_elsewhere(directory)
    with locked(directory):
        record = load(directory)
        workstation.require(record.workstation if record else "", request.id)
        if record and qemu_process.recovers(directory):
            return _update(request, record)
        if (status := qemu_process.state(directory)) == condition.FULL:
            raise condition.stopped(directory, status)  # its guest goes on when there is space
        try:
            return _start(request, record.ports if record else {})
        except BaseException:
            qemu_process.end(directory, gently=False)
            if record is None:
                shutil.rmtree(directory)
            raise


def stop(request: MachineRequest) -> None:
    """Shut a machine down and remove it, where it is still there.

    Raises FlakeshipError: `workstation-mismatch`, or `machine-active` for the active machine of a
    server that has another one: that one was to take over.
    """
    workstation.require(request.workstation, request.id)
    files, directory = request.files, request.files.machine(request.id)
    if files.active_machine(request.server) == request.id and directory.exists():
        machines = [path.name for path in files.machine_directories]
        ours = [each for each in machines if server_of(each) == request.server]
        if others := [each for each in ours if each != request.id]:
            raise FlakeshipError(
                f"it is not removed: it is the active machine of {request.server} "
                f"({files.active(request.server)}), and {', '.join(others)} did not take over",
                code="machine-active",
                key=request.id,
                remedy="run `pulumi up`, which cuts over first",
            )
    remove(directory)


def remove(directory: Path) -> None:
    """Shut down and remove the machine of a directory. Raises FlakeshipError as `stop`."""
    copies.refuse_elsewhere(directory)
    if not directory.exists():
        return
    with locked(directory):
        record = load(directory)
        workstation.require(record.workstation if record else "", directory.name)
        qemu_process.end(directory, gently=True)
        shutil.rmtree(directory)
    tidy(directory.parent)


def _update(request: MachineRequest, record: MachineRecord) -> MachineRecord:
    """Give a running machine the ports of the request and no others, and its number."""
    directory = request.files.machine(request.id)
    guests = {SSH, *request.ports}
    ports = {guest: host for guest, host in record.ports.items() if guest in guests}
    added = workstation.host_ports(guests - ports.keys(), {})
    if added or ports != record.ports:
        with connect(directory) as monitor:
            for guest in record.ports.keys() - guests:
                qemu_devices.forward(monitor, record.ports[guest], None)
            for guest, host in added.items():
                qemu_devices.forward(monitor, host, guest)
    now = replace(record, boot=request.boot, ports=dict(sorted((ports | added).items())))
    if now != record:
        save(directory, now)
    return now


def _start(request: MachineRequest, former_ports: Mapping[int, int]) -> MachineRecord:
    """Start QEMU on the machine's overlay, with the former host ports where they are free."""
    directory = request.files.machine(request.id)
    qemu_process.end(directory, gently=True)  # one that stays paused or does not answer
    refuse_links(directory / qemu_command.PID)
    _check_image(request)
    _create_root_disk(request)
    kind = accelerator()
    record = _launch(request, kind, _data_disks(request), former_ports)
    if not qemu_process.recovers(directory):
        room = condition.free(directory)
        raise FlakeshipError(
            f"QEMU started, but {condition.reason(qemu_process.state(directory), room)}; the "
            "console's last lines:",
            code="qemu-failed",
            key=request.id,
            details=tail(File(directory / console.FILE), 10),
        )
    how = "KVM" if kind == "kvm" else "plain emulation"
    cpus = "1 vCPU" if request.vcpus == 1 else f"{request.vcpus} vCPUs"
    log.info("%s: started, %s, %s, %s MiB", request.id, how, cpus, request.memory)
    return record


def _check_image(request: MachineRequest) -> None:
    """Refuse an image that is gone, was changed, or is not what a flake may build."""
    image = Path(request.image)
    if not image.exists() and not image.is_symlink():
        raise image_gone(image, request.id)
    image_file.check(image, request.format, request.id)
    found = image_file.describe(image).sha512
    if found != request.sha512:
        raise FlakeshipError(
            f"it is not booted: its image {image} was changed",
            code="image-changed",
            key=request.id,
            given=f"sha512 {found[:16]}…",
            allowed=f"{request.sha512[:16]}…, that of the release",
            remedy=f"repair the store (`nix-store --verify-path {image.parent}`) and run again",
        )


def _create_root_disk(request: MachineRequest) -> None:
    root = request.files.machine(request.id) / checkout.ROOT
    if root.exists():
        return
    image = Path(request.image).absolute()
    least = image_file.mebibytes(image_file.inspect(image)[1])
    if request.disk < least:
        raise FlakeshipError(
            f"its root disk is smaller than the image {image}",
            code="disk-too-small",
            key=request.id,
            given=f"{request.disk} MiB",
            allowed=f"{least} MiB or more",
            remedy=f"set the server's disk to at least {least}",
        )
    qemu_command.create_disk(root, request.disk, (image, request.format))


def _data_disks(request: MachineRequest) -> dict[str, Path]:
    """The files of the data disks to start with: those of a server's active machine."""
    if request.files.active_machine(request.server) != request.id:
        return {}
    disks = {}
    for name in sorted(request.data_disks):
        disks[name] = request.files.data_disk(request.server, name).absolute()
        if not disks[name].exists():
            raise FlakeshipError(
                f"its data disk {name} is missing ({disks[name]})",
                code="data-disk-missing",
                key=request.id,
                remedy="restore the file, or remove the disk from the settings",
            )
    return disks


def _launch(
    request: MachineRequest, kind: Accelerator, disks: Mapping[str, Path], ports: Mapping[int, int]
) -> MachineRecord:
    """Start QEMU, with other ports when a process takes one between its choice and the start."""
    directory = request.files.machine(request.id)
    for left in reversed(range(ATTEMPTS)):
        ports = workstation.host_ports([SSH, *request.ports], ports)
        record = MachineRecord(request.id, request.boot, kind, ports, workstation.identity())
        # The record comes first: whatever ends this process, a QEMU that runs has one.
        save(directory, record)
        try:
            _run(request, kind, ports, disks)
            break
        except CommandError as error:
            if not left or not _PORT_TAKEN.search(error.stderr):
                what = f"it could not be started: {error}"
                raise FlakeshipError(what, code="qemu-failed", key=request.id) from error
    return record


def _run(
    request: MachineRequest, kind: Accelerator, ports: Mapping[int, int], disks: Mapping[str, Path]
) -> None:
    """Run QEMU, which becomes a daemon. Raises CommandError."""
    directory = request.files.machine(request.id)
    with network(request, ports) as guests, console.writer(directory) as serial:
        run(
            qemu_command.command(request, kind, guests.argv, disks, serial),
            cwd=directory,
            timeout=qemu_command.SECONDS,
            env=checkout.environment(checkout.mark(directory)),
            descriptors=[*guests.descriptors, serial],
        )
