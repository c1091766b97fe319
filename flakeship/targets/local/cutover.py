"""The cutover: moves a server's data disks, host ports and stable name to another machine."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import datetime

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.nix import store
from flakeship.system import tcp
from flakeship.system.files import locked, tidy
from flakeship.targets.local import copies, qemu_devices, ssh_config, workstation
from flakeship.targets.local.cutover_run import Run, connect_machine
from flakeship.targets.local.cutover_steps import Situation, restoring, steps
from flakeship.targets.local.disk_snapshots import snapshots
from flakeship.targets.local.machine_state import MachineState, inspect_machines
from flakeship.targets.local.resources import Cutover, CutoverRequest
from flakeship.targets.local.stack_files import StackFiles, forget

log = logging.getLogger(__name__)


def cutover(request: CutoverRequest, printed: str = "") -> Cutover:
    """Make a machine the active one of its server, completely or not at all.

    `printed` is the last cutover's result, empty for the first one: where this one fails, the
    former machine gets its data as they were, and its own checks run again.

    For the machine that is active already, whatever a restart took from it is restored. Raises
    FlakeshipError: `workstation-mismatch`, `machine-not-running` and `host-port-taken` before
    anything is moved, `cutover-failed` and `rollback-failed` after.
    """
    workstation.require(request.workstation, request.server)
    last = codec.parse(Cutover, printed) if printed else None
    try:
        with locked(request.files.machines, shared=True):
            return _cutover(request, last, alone=False)
    except _ContendedError:
        with locked(request.files.machines):
            return _cutover(request, last, alone=True)


def _cutover(request: CutoverRequest, last: Cutover | None, *, alone: bool) -> Cutover:
    files, server, machine = request.files, request.server, request.machine
    former = files.active_machine(server)
    previous = "" if former == machine else former
    with ExitStack() as opened:
        new = connect_machine(request, machine, opened)
        if new is None:
            raise not_running(machine, f"nothing was moved, and {former or 'no machine'} is active")
        old = connect_machine(request, previous, opened) if previous else None
        found = Situation(
            new=new.state,
            old=old.state if old else None,
            former=former,
            host=ssh_config.hosts(files.ssh_config).get(server),
            lenders=_lenders(request, [each.state for each in (new, old) if each], alone=alone),
        )
        if ssh_config.is_moved(files.ssh_config):
            _renew_links(files)
        checks = last.data_checks if last and last.machine == previous else None
        run = Run(request, former, {machine: new} | ({former: old} if old else {}), checks)
        run.run(steps(request, found))
    ports = ", ".join(map(str, sorted(request.forwards))) or "no host ports"
    origin = f" from {previous}" if previous else ""
    pause = f", {run.silence * 1000:.0f} ms unanswered" if run.silence else ""
    log.info("%s: now %s%s, %s%s", server, machine, origin, ports, pause)
    forwards = dict(request.forwards)
    return Cutover(server, machine, previous, forwards, run.checks, request.data_checks)


def restore_snapshot(request: CutoverRequest, disk: str, snapshot: str) -> None:
    """Give a data disk of the active machine the content of a snapshot, and check it.

    Raises FlakeshipError: `snapshot-missing` and `machine-not-running` before anything changes;
    where a check fails the disk is as it was.
    """
    workstation.require(request.workstation, request.server)
    known = [found.name for found in snapshots(request.files.data_disk(request.server, disk))]
    if snapshot not in known:
        raise FlakeshipError(
            f"its disk {disk} has no such snapshot",
            code="snapshot-missing",
            key=request.server,
            given=snapshot,
            allowed=", ".join(known) or "none: a snapshot is taken with the next release",
        )
    with locked(request.files.machines), ExitStack() as opened:
        active = connect_machine(request, request.machine, opened)
        if active is None:
            raise not_running(request.machine, "nothing was changed")
        saved = f"before-restore-{datetime.now():%Y%m%d-%H%M%S}"
        task = f"restoring the snapshot {snapshot} of {disk}"
        run = Run(request, request.machine, {request.machine: active}, task=task)
        run.run(restoring(request, disk, snapshot, saved))
    log.info("%s: %s is as in %s; before, it was as in %s", request.server, disk, snapshot, saved)


def not_running(machine: str, outcome: str) -> FlakeshipError:
    """The error of a machine that has to run."""
    return FlakeshipError(
        f"it does not run; {outcome}",
        code="machine-not-running",
        key=machine,
        remedy="run `pulumi up`, which starts it again",
    )


def remove(request: CutoverRequest) -> None:
    """Remove what is left of a server's name and host ports (`workstation-mismatch` elsewhere)."""
    workstation.require(request.workstation, request.server)
    files = request.files
    active = files.active_machine(request.server) or request.machine
    copies.refuse_elsewhere(files.machine(active))
    with locked(files.machines, shared=True), ExitStack() as opened:
        if found := connect_machine(request, active, opened):
            for host_port in found.state.forwards:
                qemu_devices.forward(found.monitor, host_port, None)
    forget_server(files, request.server)
    tidy(files.machines)


def forget_server(files: StackFiles, server: str) -> None:
    """Remove the records of a server, and its stable name."""
    forget(files.active(server))
    forget(files.generation(server))
    ssh_config.remove(files.ssh_config, server)


class _ContendedError(Exception):
    """A declared port is not free, and another server may have it.

    Only one cutover at a time may take it from there: two that take a port from each other would
    wait for each other's QEMU, which serves one connection at a time.
    """


def _lenders(
    request: CutoverRequest, own: list[MachineState], *, alone: bool
) -> dict[int, tuple[str, int]]:
    """The machine of another server that has a declared port, and its guest port.

    Raises FlakeshipError (`host-port-taken`) for a port of a process outside the stack, and
    _ContendedError where only a cutover that is `alone` can find out.
    """
    had = {port for state in own for port in state.forwards}
    taken = [p for p in request.forwards if p not in had and not tcp.is_free(p)]
    if taken and not alone:
        raise _ContendedError
    connected = {state.record.id for state in own if state.record}
    others = inspect_machines(request.files, besides=connected) if taken else {}
    owners = {
        host_port: (machine, guest_port)
        for machine, state in others.items()
        for host_port, guest_port in state.forwards.items()
        if host_port in taken
    }
    for port in taken:
        if port not in owners:
            holder = workstation.port_holder(port)
            what = f"{request.server} declares it, but {holder} listens on it; nothing was moved"
            raise qemu_devices.port_taken(what, port, holder)
    return owners


def _renew_links(files: StackFiles) -> None:
    """Keep images from Nix's garbage collection in a moved checkout: Nix knows absolute paths."""
    for link in sorted([*files.roots.glob("*"), *files.machines.glob("*/image")]):
        if link.is_symlink() and link.exists():  # its store path may be gone
            store.keep(str(link.readlink()), link)
