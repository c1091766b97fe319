"""Starts a machine: checks its image, creates its root disk, and runs QEMU."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.ports import SSH
from flakeship.nix import image_file, store
from flakeship.system.files import read
from flakeship.system.process import run
from flakeship.targets.local import qemu_command, qemu_process, workstation
from flakeship.targets.local.accelerator import Accelerator, accelerator
from flakeship.targets.local.machine_record import MachineRecord, save
from flakeship.targets.local.requests import MachineRequest

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often other ports are tried when a process takes one between its choice and QEMU's start."""

SECONDS = 60
"""How long QEMU may take to become a daemon, and qemu-img to create a disk."""

_PORT_TAKEN = re.compile(r"hostfwd|host forwarding rule")


def start(request: MachineRequest, former_ports: dict[int, int]) -> MachineRecord:
    """Start QEMU on the machine's overlay, which is created where it is missing.

    Host ports of the former start are used again where they are free. Raises FlakeshipError:
    `image-missing`, `image-changed`, `disk-too-small`, `data-disk-missing` or `qemu-failed`.
    """
    directory = request.files.machine(request.id)
    qemu_process.end(directory, gently=True)  # one that stays paused or does not answer
    _check_image(request)
    _create_root_disk(request)
    disks = _data_disks(request)
    kind = accelerator()
    record = _launch(request, kind, disks, former_ports)
    if not qemu_process.recovers(directory):
        console = read(directory / qemu_command.CONSOLE).splitlines()
        raise FlakeshipError(
            "QEMU started but its guest does not run; the console's last lines:",
            code="qemu-failed",
            key=request.id,
            details=console[-10:],
        )
    how = "KVM" if kind == "kvm" else "plain emulation"
    cpus = "1 vCPU" if request.vcpus == 1 else f"{request.vcpus} vCPUs"
    log.info("%s: started, %s, %s, %s MiB", request.id, how, cpus, request.memory)
    return record


def _launch(
    request: MachineRequest, kind: Accelerator, disks: dict[str, Path], ports: dict[int, int]
) -> MachineRecord:
    """Start QEMU, with other ports when a process takes one between its choice and the start."""
    directory = request.files.machine(request.id)
    for attempt in range(1, ATTEMPTS + 1):
        ports = workstation.host_ports([SSH, *request.ports], ports)
        record = MachineRecord(request.id, request.boot, kind, ports, workstation.identity())
        # The record comes first: whatever ends this process, a QEMU that runs has one.
        save(directory, record)
        argv = qemu_command.command(request, kind, ports, disks)
        try:
            run(argv, cwd=directory, timeout=SECONDS)
        except CommandError as error:
            if attempt == ATTEMPTS or not _PORT_TAKEN.search(error.stderr):
                raise FlakeshipError(
                    f"it could not be started: {error}", code="qemu-failed", key=request.id
                ) from error
        else:
            break
    return record


def _check_image(request: MachineRequest) -> None:
    """Refuse an image that is missing or differs from the release's."""
    image = Path(request.image)
    try:
        found = image_file.describe(image).sha512
    except FileNotFoundError as error:
        remedy = "build the release again (`nix build`), or deploy another one"
        raise store.gone(request.id, request.image, remedy) from error
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
    """Create the root disk, under another name first: an overlay that exists is complete."""
    root = request.files.machine(request.id) / qemu_command.ROOT
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
    new = root.with_suffix(".new")
    argv = qemu_command.create_disk(Path(new.name), request.disk, (image, request.format))
    run(argv, cwd=root.parent, timeout=SECONDS)
    new.replace(root)


def _data_disks(request: MachineRequest) -> dict[str, Path]:
    """The files of the data disks to start with: those of a server's active machine."""
    if request.files.active_machine(request.server) != request.id:
        return {}
    disks = {
        name: request.files.data_disk(request.server, name).absolute()
        for name in sorted(request.data_disks)
    }
    for name, file in disks.items():
        if not file.exists():
            raise FlakeshipError(
                f"its data disk {name} is missing ({file})",
                code="data-disk-missing",
                key=request.id,
                remedy="restore the file, or remove the disk from the settings",
            )
    return disks
