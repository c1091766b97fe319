"""The cutover: moves a server's data disks, host ports and stable name to another machine."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.system.files import locked, tidy
from flakeship.targets.local import gc_roots, guest, port_forwards, ssh_config, workstation
from flakeship.targets.local.cutover_run import Run
from flakeship.targets.local.cutover_steps import Situation, steps
from flakeship.targets.local.port_lenders import ContendedError, lenders
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.running_machine import connect_machine
from flakeship.targets.local.stack_files import forget

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cutover:
    """A server's active machine, and the one that was active before, or "".

    `checks` is the evidence of what needs the data disks.
    """

    server: str
    machine: str
    previous: str
    forwards: dict[int, int]
    checks: list[CheckResult] = field(default_factory=list)


def cutover(request: CutoverRequest, login: guest.Login = guest.login) -> Cutover:
    """Make a machine the active one of its server, completely or not at all.

    For the machine that is active already, whatever a restart took from it is restored. Raises
    FlakeshipError: `workstation-mismatch`, `machine-not-running` and `host-port-taken` before
    anything is moved, `cutover-failed` and `rollback-failed` after.
    """
    workstation.require(request.workstation, request.server)
    try:
        with locked(request.files.machines, shared=True):
            return _cutover(request, login, alone=False)
    except ContendedError:
        with locked(request.files.machines):
            return _cutover(request, login, alone=True)


def _cutover(request: CutoverRequest, login: guest.Login, *, alone: bool) -> Cutover:
    files, server, machine = request.files, request.server, request.machine
    former = files.active_machine(server)
    replaces = former not in {"", machine}
    with ExitStack() as opened:
        new = connect_machine(request, machine, login, opened)
        if new is None:
            raise FlakeshipError(
                f"it does not run; nothing was moved, and {former or 'no machine'} is active",
                code="machine-not-running",
                key=machine,
                remedy="run `pulumi up`, which starts it again",
            )
        old = connect_machine(request, former, login, opened) if replaces else None
        found = Situation(
            new=new.state,
            old=old.state if old else None,
            former=former,
            host=ssh_config.hosts(files.ssh_config).get(server),
            lenders=lenders(request, new.state, old.state if old else None, alone=alone),
        )
        if ssh_config.is_moved(files.ssh_config):
            gc_roots.renew(files)
        run = Run(request, former, {machine: new} | ({former: old} if old else {}))
        run.run(steps(request, found))
    ports = ", ".join(map(str, sorted(request.forwards))) or "no host ports"
    origin = f" from {former}" if replaces else ""
    pause = f", {run.silence * 1000:.0f} ms unanswered" if run.silence else ""
    log.info("%s: now %s%s, %s%s", server, machine, origin, ports, pause)
    previous = former if replaces else ""
    return Cutover(server, machine, previous, dict(request.forwards), run.checks)


def remove(request: CutoverRequest) -> None:
    """Remove a server's stable name and host ports; nothing happens where they are gone.

    Raises FlakeshipError (`workstation-mismatch`).
    """
    workstation.require(request.workstation, request.server)
    files = request.files
    with locked(files.machines, shared=True), ExitStack() as opened:
        active = files.active_machine(request.server) or request.machine
        if found := connect_machine(request, active, guest.login, opened):
            for host_port in found.state.forwards:
                port_forwards.place(found.monitor, host_port, None)
    forget(files.active(request.server))
    forget(files.generation(request.server))
    ssh_config.remove(files.ssh_config, request.server)
    tidy(files.machines)
