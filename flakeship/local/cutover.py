"""Moving a server's data disks, forwarded ports and name from one machine to another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flakeship import hostkeys
from flakeship.errors import FlakeshipError
from flakeship.local import daemon, forwards, guest, host, plug, qemu, serving, sshconfig
from flakeship.local.files import read, tidy, write
from flakeship.local.machine import Progress
from flakeship.local.qmp import Monitor, connect
from flakeship.local.record import Saved, load
from flakeship.local.undo import Undo
from flakeship.process import Shell
from flakeship.requests import Check, CutoverRequest
from flakeship.ssh import Endpoint


@dataclass(frozen=True)
class Cutover:
    """What a server's name stands for now; `previous` is the machine it stood for before, or "".

    `checks` is the evidence of what needs the data disks.
    """

    server: str
    machine: str
    previous: str
    forwards: dict[int, int]
    checks: list[Check] = field(default_factory=list)


@dataclass
class Seat:
    """A running machine that the cut-over talks to: its QEMU, and its guest where disks move."""

    saved: Saved
    monitor: Monitor
    endpoint: Endpoint
    host_keys: tuple[str, ...]
    login: guest.Login
    opened: ExitStack

    _shell: Shell | None = None

    @property
    def shell(self) -> Shell:
        """A connection to the guest: made once and only when it is needed."""
        if self._shell is None:
            self._shell = self.opened.enter_context(self.login(self.endpoint, self.host_keys))
        return self._shell

    def declared(self) -> dict[int, int]:
        """The forwarded ports that it has for its server, beside those of its own."""
        own = set(self.saved.ports.values())
        listed = forwards.listed(self.monitor)
        return {here: there for here, there in listed.items() if here not in own}


def cutover(
    request: CutoverRequest, progress: Progress, login: guest.Login = guest.login
) -> Cutover:
    """Move a server to a machine, all of it or nothing: data disks, ports, name, active file.

    For the machine that is active already, whatever a restart took from it is put back. Raises a
    FlakeshipError that says what failed and whether the former machine serves again.
    """
    host.refuse_foreign(request.server, request.lives_on)
    active = Path(request.active)
    former_id = read(active).strip()
    with ExitStack() as opened:
        new = _seat(request, request.machine, login, opened)
        if new is None:
            raise FlakeshipError(
                f"{request.machine} does not run (any more): nothing was moved and "
                f"{former_id or 'nothing'} is active; `pulumi up` starts it again"
            )
        moves = former_id not in {"", request.machine}
        old = _seat(request, former_id, login, opened) if moves else None
        _check_ports(request, new, old)
        with _all_or_nothing(request, former_id) as undo:
            _move_disks(request, new, old, undo)
            silent = _move_ports(request, new, old, undo)
            _move_name(request, former_id, undo)
            checks = serving.check(request.serving, lambda: new.shell)
    ports = ", ".join(map(str, sorted(request.forwards))) or "no ports"
    came = f" from {former_id}" if moves else ""
    progress(
        f"{request.server}: now {request.machine}{came}, {ports}"
        + (f", {silent * 1000:.0f} ms unanswered" if silent else "")
    )
    previous = former_id if moves else ""
    return Cutover(request.server, request.machine, previous, dict(request.forwards), checks)


def remove(request: CutoverRequest) -> None:
    """Take a server's name and declared ports away; fine where they are gone."""
    host.refuse_foreign(request.server, request.lives_on)
    active = Path(request.active)
    with ExitStack() as opened:
        seat = _seat(request, read(active).strip() or request.machine, guest.login, opened)
        if seat:
            for here in seat.declared():
                forwards.place(seat.monitor, here, None)
    active.unlink(missing_ok=True)
    tidy(active.parent)
    sshconfig.drop(Path(request.ssh_config), request.server)


def _seat(
    request: CutoverRequest, machine: str, login: guest.Login, opened: ExitStack
) -> Seat | None:
    """A machine to talk to; None where it does not run. One that hangs is ended: it serves nobody.

    Raises a FlakeshipError for a machine of another host.
    """
    directory = Path(request.directories, machine)
    saved = load(directory)
    if saved is None:
        return None
    host.refuse_foreign(machine, saved.lives_on)
    if not daemon.recovers(directory):
        daemon.end(directory, gently=True)
        return None
    name = sshconfig.names(Path(request.ssh_config)).get(request.server)
    if machine == request.machine:
        user, identity, keys = request.user, request.identity, tuple(request.host_keys)
    elif name and name.machine == machine:
        user, identity, keys = name.user, name.identity, name.host_keys
    else:
        keys = tuple(hostkeys.announced(directory / qemu.CONSOLE))
        user, identity = request.user, request.identity
    endpoint = Endpoint(machine, host.LOOPBACK, saved.ports[22], user, identity)
    monitor = opened.enter_context(connect(directory))
    return Seat(saved, monitor, endpoint, keys, login, opened)


@contextmanager
def _all_or_nothing(request: CutoverRequest, former: str) -> Iterator[Undo]:
    """Take back what was moved when anything fails."""
    undo = Undo()
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


def _check_ports(request: CutoverRequest, new: Seat, old: Seat | None) -> None:
    """Refuse ports that somebody else has, before anything moves."""
    ours = new.declared() | (old.declared() if old else {})
    for here in request.forwards:
        if here not in ours and not host.free(here):
            raise FlakeshipError(
                f"port {here} of {host.LOOPBACK}, declared by {request.server}, is held by "
                f"{host.holder(here)}: nothing was moved; stop it or declare another port"
            )


def _move_disks(request: CutoverRequest, new: Seat, old: Seat | None, undo: Undo) -> None:
    held, had = plug.attached(new.monitor), plug.attached(old.monitor) if old else {}
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


def _plug_in(seat: Seat, name: str, path: Path) -> None:
    plug.attach(seat.monitor, name, path)
    guest.mount(seat.shell, name)


def _pull_out(seat: Seat, name: str) -> None:
    guest.unmount(seat.shell, name)
    plug.detach(seat.monitor, name)


def _move_ports(request: CutoverRequest, new: Seat, old: Seat | None, undo: Undo) -> float:
    """Move the declared ports; the longest time in seconds that one of them was nobody's."""
    silent = 0.0
    held, had = new.declared(), old.declared() if old else {}
    for here in sorted(held.keys() | had.keys() | request.forwards.keys()):
        there = request.forwards.get(here)
        begun = time.monotonic()
        if old:
            undo.add(partial(forwards.place, old.monitor, here, had.get(here, held.get(here))))
            undo.add(partial(forwards.place, new.monitor, here, None))
            forwards.place(old.monitor, here, None)
        else:
            undo.add(partial(forwards.place, new.monitor, here, held.get(here)))
        forwards.place(new.monitor, here, there)
        if here in had:
            silent = max(silent, time.monotonic() - begun)
    return silent


def _move_name(request: CutoverRequest, former: str, undo: Undo) -> None:
    config, active = Path(request.ssh_config), Path(request.active)
    name = sshconfig.Name(
        request.server,
        request.machine,
        request.ssh_port,
        request.user,
        request.identity,
        tuple(request.host_keys),
    )
    before = sshconfig.names(config).get(request.server)
    undo.add(
        partial(sshconfig.put, config, before)
        if before
        else partial(sshconfig.drop, config, request.server)
    )
    sshconfig.put(config, name)
    undo.add(partial(write, active, f"{former}\n") if former else partial(_forget, active))
    write(active, f"{request.machine}\n")


def _forget(active: Path) -> None:
    active.unlink(missing_ok=True)
    tidy(active.parent)
