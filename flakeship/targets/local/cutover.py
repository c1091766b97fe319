"""The cutover: moves a server's data disks, host ports and stable name to another machine."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from flakeship.model.errors import FlakeshipError
from flakeship.nix import store
from flakeship.system.files import locked, tidy
from flakeship.targets.local import copies, qemu_devices, ssh_config, workstation
from flakeship.targets.local.cutover_run import Run, connect_machine
from flakeship.targets.local.cutover_steps import Situation, steps
from flakeship.targets.local.machine_state import MachineState, inspect_machines
from flakeship.targets.local.resources import Cutover, CutoverRequest
from flakeship.targets.local.stack_files import StackFiles, forget

log = logging.getLogger(__name__)


def cutover(request: CutoverRequest) -> Cutover:
    """Make a machine the active one of its server, completely or not at all.

    For the machine that is active already, whatever a restart took from it is restored. Raises
    FlakeshipError: `workstation-mismatch`, `machine-not-running` and `host-port-taken` before
    anything is moved, `cutover-failed` and `rollback-failed` after.
    """
    workstation.require(request.workstation, request.server)
    try:
        with locked(request.files.machines, shared=True):
            return _cutover(request, alone=False)
    except _ContendedError:
        with locked(request.files.machines):
            return _cutover(request, alone=True)


def _cutover(request: CutoverRequest, *, alone: bool) -> Cutover:
    files, server, machine = request.files, request.server, request.machine
    former = files.active_machine(server)
    previous = "" if former == machine else former
    with ExitStack() as opened:
        new = connect_machine(request, machine, opened)
        if new is None:
            raise FlakeshipError(
                f"it does not run; nothing was moved, and {former or 'no machine'} is active",
                code="machine-not-running",
                key=machine,
                remedy="run `pulumi up`, which starts it again",
            )
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
        run = Run(request, former, {machine: new} | ({former: old} if old else {}))
        run.run(steps(request, found))
    ports = ", ".join(map(str, sorted(request.forwards))) or "no host ports"
    origin = f" from {previous}" if previous else ""
    pause = f", {run.silence * 1000:.0f} ms unanswered" if run.silence else ""
    log.info("%s: now %s%s, %s%s", server, machine, origin, ports, pause)
    return Cutover(server, machine, previous, dict(request.forwards), run.checks)


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
    forget(files.active(request.server))
    forget(files.generation(request.server))
    ssh_config.remove(files.ssh_config, request.server)
    tidy(files.machines)


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
    taken = [p for p in request.forwards if p not in had and not workstation.is_free(p)]
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
            raise qemu_devices.port_taken(
                f"{request.server} declares it, but {workstation.port_holder(port)} listens on it; "
                "nothing was moved",
                port,
            )
    return owners


def _renew_links(files: StackFiles) -> None:
    """Keep images from Nix's garbage collection in a moved checkout: Nix knows absolute paths."""
    for link in sorted([*files.roots.glob("*"), *files.machines.glob("*/image")]):
        if link.is_symlink() and link.exists():  # its store path may be gone
            store.keep(str(link.readlink()), link)
