"""A machine's life: one QEMU process, one directory, one overlay on an image in the store."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.nix import image_file, store
from flakeship.system.files import read, tidy
from flakeship.system.lock import locked
from flakeship.system.process import run
from flakeship.targets.local import host, port_forwards, qemu_command, qemu_process
from flakeship.targets.local.accelerator import Accelerator, accelerator
from flakeship.targets.local.machine_record import MachineRecord, load, save
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import MachineRequest, Running

ATTEMPTS = 5
"""How often other ports are tried when somebody takes one between its choice and QEMU's start."""

_TAKEN = re.compile(r"hostfwd|host forwarding rule")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Probe:
    """Whether a machine runs, the boot it last had (0: none) and the host it lives on ("")."""

    runs: bool
    boot: int
    lives_on: str


def probe(directory: Path) -> Probe:
    """Look at a machine, without changing anything."""
    saved = load(directory)
    if saved is None:
        return Probe(runs=False, boot=0, lives_on="")
    return Probe(runs=qemu_process.runs(directory), boot=saved.boot, lives_on=saved.lives_on)


def next_boot(seen: Probe) -> int:
    """The number for MachineRequest.boot: the recorded one while it runs, else the next."""
    return seen.boot if seen.runs else seen.boot + 1


def ensure(request: MachineRequest, progress: Progress) -> Running:
    """Have a machine running: started on its overlay, or left alone but for missing ports.

    A machine that could not be started for the first time leaves nothing behind.
    Raises a FlakeshipError for another host's machine, an image with other bytes than the
    release's, a missing data disk, or what QEMU says.
    """
    directory = Path(request.directory)
    host.refuse_foreign(request.id, request.lives_on)
    with locked(directory):
        saved = load(directory)
        host.refuse_foreign(request.id, saved.lives_on if saved else "")
        if saved and qemu_process.recovers(directory):
            return _complete(request, saved)
        try:
            return _start(request, saved, progress).running
        except BaseException:
            qemu_process.end(directory, gently=False)
            if saved is None:
                shutil.rmtree(directory)
            raise


def stop(request: MachineRequest) -> None:
    """Shut a machine down and remove it; one that is already gone is fine.

    Raises a FlakeshipError for another host's machine, and for one that serves while another
    one of its server is there: that one was to take over and has not.
    """
    host.refuse_foreign(request.id, request.lives_on)
    directory, active = Path(request.directory), Path(request.active)
    if read(active).strip() == request.id and directory.exists():
        server = _server(request.id)
        others = [o.name for o in directory.parent.iterdir() if o != directory]
        if others := sorted(other for other in others if _server(other) == server):
            raise FlakeshipError(
                f"{request.id} is not removed: it serves as {server} ({active} says so), and "
                f"{', '.join(others)} did not take over; `pulumi up` cuts over first"
            )
    remove(directory)


def remove(directory: Path) -> None:
    """Shut down and remove the machine of a directory; fine where there is none."""
    if not directory.exists():
        return
    with locked(directory):
        saved = load(directory)
        host.refuse_foreign(directory.name, saved.lives_on if saved else "")
        qemu_process.end(directory, gently=True)
        shutil.rmtree(directory)
    tidy(directory.parent)


def _server(machine: str) -> str:
    return machine.rsplit("-", 2)[0]


def _complete(request: MachineRequest, saved: MachineRecord) -> Running:
    """Give a running machine the ports of the request and no others, and its number."""
    directory = Path(request.directory)
    wanted = {22, *request.ports}
    ports = {guest: here for guest, here in saved.ports.items() if guest in wanted}
    added = host.keep_or_choose(wanted - ports.keys(), {})
    if added or ports != saved.ports:
        with connect(directory) as monitor:
            for guest in saved.ports.keys() - wanted:
                port_forwards.place(monitor, saved.ports[guest], None)
            for guest, here in added.items():
                port_forwards.add(monitor, here, guest)
    now = replace(saved, boot=request.boot, ports=dict(sorted((ports | added).items())))
    if now != saved:
        save(directory, now)
    return now.running


def _start(
    request: MachineRequest, saved: MachineRecord | None, progress: Progress
) -> MachineRecord:
    """Start QEMU on the machine's overlay, which is made where it is missing."""
    directory = Path(request.directory)
    qemu_process.end(directory, gently=True)  # one that stays paused or does not answer
    _check_image(request)
    _make_overlay(request)
    disks = _disks(request)
    kind = accelerator()
    started = _launch(request, kind, disks, saved.ports if saved else {})
    if not qemu_process.recovers(directory):
        raise FlakeshipError(
            f"{request.id}: QEMU started but its guest does not run; the console's last lines:\n"
            + "\n".join(read(directory / qemu_command.CONSOLE).splitlines()[-10:])
        )
    progress(f"{request.id}: started, {_describe(request, kind)}")
    return started


def _launch(
    request: MachineRequest, kind: Accelerator, disks: dict[str, Path], ports: dict[int, int]
) -> MachineRecord:
    """Start QEMU, with other ports when somebody takes one between its choice and the start."""
    directory = Path(request.directory)
    for attempt in range(1, ATTEMPTS + 1):
        ports = host.keep_or_choose([22, *request.ports], ports)
        saved = MachineRecord(request.id, request.boot, kind, ports, host.this_host())
        # First the record: whatever ends us, a QEMU that runs has one.
        save(directory, saved)
        try:
            run(qemu_command.command(request, kind, ports, disks), cwd=directory, timeout=60)
        except CommandError as error:
            if attempt == ATTEMPTS or not _TAKEN.search(error.stderr):
                raise FlakeshipError(f"{request.id} could not be started: {error}") from error
        else:
            break
    return saved


def _check_image(request: MachineRequest) -> None:
    """Refuse an image that is missing or has other bytes than those of the release."""
    image = Path(request.image)
    try:
        found = image_file.describe(image).sha512
    except FileNotFoundError as error:
        remedy = "build the release again (`nix build`), or deploy another one"
        raise store.gone(request.id, request.image, remedy) from error
    if found != request.sha512:
        raise FlakeshipError(
            f"{request.id} is not booted: {image} has the sha512 {found[:16]}..., its release "
            f"{request.sha512[:16]}...: the file was changed; repair the store "
            f"(`nix-store --verify-path {image.parent}`) and run again"
        )


def _make_overlay(request: MachineRequest) -> None:
    """Make the root disk, under another name first: an overlay that exists is whole."""
    root = Path(request.directory, qemu_command.ROOT)
    if root.exists():
        return
    image = Path(request.image).absolute()
    least = image_file.mebibytes(image_file.inspect(image)[1])
    if request.disk < least:
        raise FlakeshipError(
            f"{request.id}: its disk has {request.disk} MiB, the image {image} needs {least} MiB: "
            f"set the server's disk to at least {least}"
        )
    new = root.with_suffix(".new")
    run(
        qemu_command.overlay(image, request.format, new.name, request.disk),
        cwd=root.parent,
        timeout=60,
    )
    new.replace(root)


def _disks(request: MachineRequest) -> dict[str, Path]:
    """The data disks to start with: those of the server whose active machine this is."""
    if read(Path(request.active)).strip() != request.id:
        return {}
    disks = {name: Path(file).absolute() for name, file in sorted(request.disks.items())}
    for name, file in disks.items():
        if not file.exists():
            raise FlakeshipError(
                f"{request.id}: its data disk {name} is missing ({file}): put the file back, or "
                "take the disk out of the configuration to have an empty one made later"
            )
    return disks


def _describe(request: MachineRequest, kind: Accelerator) -> str:
    how = "KVM" if kind == "kvm" else "plain emulation"
    cpus = "1 vCPU" if request.vcpus == 1 else f"{request.vcpus} vCPUs"
    return f"{how}, {cpus}, {request.memory} MiB"
