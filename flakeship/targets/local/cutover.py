"""Moving a server's data disks, forwarded ports and name from one machine to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.system.files import read, tidy, write
from flakeship.system.lock import locked
from flakeship.targets.local import (
    cutover_generation,
    data_disk_checks,
    gc_roots,
    guest,
    host,
    hotplug,
    port_forwards,
    port_moves,
    running_machine,
    ssh_config,
)
from flakeship.targets.local.machine import Progress
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.rollback import Rollback


@dataclass(frozen=True)
class Cutover:
    """What a server's name stands for now; `previous` is the machine it stood for before, or "".

    `checks` is the evidence of what needs the data disks.
    """

    server: str
    machine: str
    previous: str
    forwards: dict[int, int]
    checks: list[CheckResult] = field(default_factory=list)


def cutover(
    request: CutoverRequest, progress: Progress, login: guest.Login = guest.login
) -> Cutover:
    """Move a server to a machine, all of it or nothing: data disks, ports, name, active file.

    For the machine that is active already, whatever a restart took from it is put back. Raises a
    FlakeshipError that says what failed and whether the former machine serves again.
    """
    host.refuse_foreign(request.server, request.lives_on)
    machines = Path(request.directories)
    try:
        with locked(machines, shared=True):
            return _cutover(request, progress, login, alone=False)
    except port_moves.ContendedError:
        with locked(machines):
            return _cutover(request, progress, login, alone=True)


def _cutover(
    request: CutoverRequest, progress: Progress, login: guest.Login, *, alone: bool
) -> Cutover:
    active = Path(request.active)
    former_id = read(active).strip()
    with ExitStack() as opened:
        new = running_machine.attach(request, request.machine, login, opened)
        if new is None:
            raise FlakeshipError(
                f"{request.machine} does not run (any more): nothing was moved and "
                f"{former_id or 'nothing'} is active; `pulumi up` starts it again"
            )
        comes = former_id not in {"", request.machine}
        old = running_machine.attach(request, former_id, login, opened) if comes else None
        lent = port_moves.lenders(request, new, old, alone=alone)
        if ssh_config.is_moved(Path(request.ssh_config)):
            gc_roots.keep_again(active.parent.parent)
        with _all_or_nothing(request, former_id) as undo:
            _move_disks(request, new, old, undo)
            silent = port_moves.move(request, new, old, lent, undo)
            _move_name(request, former_id, undo)
            checks = data_disk_checks.check(request.serving, lambda: new.shell)
            cutover_generation.note(active, request.move)
    declared = ", ".join(map(str, sorted(request.forwards))) or "no ports"
    came = f" from {former_id}" if comes else ""
    progress(
        f"{request.server}: now {request.machine}{came}, {declared}"
        + (f", {silent * 1000:.0f} ms unanswered" if silent else "")
    )
    previous = former_id if comes else ""
    return Cutover(request.server, request.machine, previous, dict(request.forwards), checks)


def remove(request: CutoverRequest) -> None:
    """Take a server's name and declared ports away; fine where they are gone."""
    host.refuse_foreign(request.server, request.lives_on)
    active, machines = Path(request.active), Path(request.directories)
    with locked(machines, shared=True), ExitStack() as opened:
        serves = read(active).strip() or request.machine
        if found := running_machine.attach(request, serves, guest.login, opened):
            for here in found.declared():
                port_forwards.place(found.monitor, here, None)
    active.unlink(missing_ok=True)
    tidy(active.parent)
    cutover_generation.forget(active)
    ssh_config.drop(Path(request.ssh_config), request.server)
    tidy(machines)


@contextmanager
def _all_or_nothing(request: CutoverRequest, former: str) -> Iterator[Rollback]:
    """Take back what was moved when anything fails."""
    undo = Rollback()
    try:
        yield undo
    except BaseException as error:
        problems = undo.back()
        if not isinstance(error, (FlakeshipError, OSError)):
            raise
        after = f"{former or 'nothing'} is active as before"
        if former == request.machine:
            after = f"{former} was active already and stays so: there is no former machine"
        if problems:
            after = f"the way back to {former or 'nothing'} failed too: {'; '.join(problems)}"
        link = "\n" if "\n" in str(error) else "; "
        raise FlakeshipError(
            f"the cut-over of {request.server} to {request.machine} failed: {error}{link}{after}"
        ) from error


def _move_disks(
    request: CutoverRequest,
    new: running_machine.RunningMachine,
    old: running_machine.RunningMachine | None,
    undo: Rollback,
) -> None:
    held, had = hotplug.attached(new.monitor), hotplug.attached(old.monitor) if old else {}
    for name in sorted(held.keys() - request.disks.keys()):
        undo.add(partial(_plug_in, new, name, held[name]))
        _pull_out(new, name)
    for name, file in sorted(request.disks.items()):
        # In the new machine already: it is the active one, or a run was killed half-way.
        if old and (name in had or name in held):
            undo.add(partial(_plug_in, old, name, Path(file)))
        if old and name in had:
            _pull_out(old, name)
        if old or name not in held:
            undo.add(partial(_pull_out, new, name))
        _plug_in(new, name, Path(file))


def _plug_in(there: running_machine.RunningMachine, name: str, path: Path) -> None:
    hotplug.attach(there.monitor, name, path)
    guest.mount(there.shell, name)


def _pull_out(there: running_machine.RunningMachine, name: str) -> None:
    guest.unmount(there.shell, name)
    hotplug.detach(there.monitor, name)


def _move_name(request: CutoverRequest, former: str, undo: Rollback) -> None:
    config, active = Path(request.ssh_config), Path(request.active)
    name = ssh_config.Name(
        request.server,
        request.machine,
        request.ssh_port,
        request.user,
        request.identity,
        tuple(request.host_keys),
    )
    before = ssh_config.names(config).get(request.server)
    undo.add(
        partial(ssh_config.put, config, before)
        if before
        else partial(ssh_config.drop, config, request.server)
    )
    ssh_config.put(config, name)
    undo.add(partial(write, active, f"{former}\n") if former else partial(_forget, active))
    write(active, f"{request.machine}\n")


def _forget(active: Path) -> None:
    active.unlink(missing_ok=True)
    tidy(active.parent)
