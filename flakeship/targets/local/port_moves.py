"""Moving a server's declared ports to another machine, also from another server of the stack."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local import host, port_forwards, qemu_process
from flakeship.targets.local.machine_record import load
from flakeship.targets.local.qmp import connect
from flakeship.targets.local.requests import CutoverRequest
from flakeship.targets.local.rollback import Rollback
from flakeship.targets.local.running_machine import RunningMachine


class ContendedError(Exception):
    """A port is not free: whether another server of the stack has it needs a look at all of them.

    Only one cut-over at a time may do that: QEMU serves one conversation at a time, so two that
    take a port from each other would wait for each other.
    """


@dataclass(frozen=True)
class Lender:
    """A machine of another server that still has a port which is now declared by this one."""

    directory: Path
    there: int

    def place(self, here: int, there: int | None) -> None:
        """As `forwards.place`, in a conversation that is over at once."""
        with connect(self.directory) as monitor:
            port_forwards.place(monitor, here, there)


def lenders(
    request: CutoverRequest, new: RunningMachine, old: RunningMachine | None, *, alone: bool
) -> dict[int, Lender]:
    """Who in this stack has the ports that neither machine has; before anything moves.

    Raises a FlakeshipError for a port that somebody else has, and ContendedError where it takes
    being `alone` to find out.
    """
    ours = new.declared() | (old.declared() if old else {})
    taken = [here for here in request.forwards if here not in ours and not host.free(here)]
    if taken and not alone:
        raise ContendedError
    others = everybodys(Path(request.directories)) if taken else {}
    for here in taken:
        if here not in others:
            raise FlakeshipError(
                f"port {here} of {host.LOOPBACK}, declared by {request.server}, is held by "
                f"{host.holder(here)}: nothing was moved; stop it or declare another port"
            )
    return {here: others[here] for here in taken}


def everybodys(machines: Path) -> dict[int, Lender]:
    """The declared ports that a stack's running machines have; changes nothing."""
    found = {}
    for directory in sorted(machines.glob("*")):
        saved = load(directory)
        if saved and qemu_process.runs(directory):
            with connect(directory) as monitor:
                declared = port_forwards.declared(monitor, saved)
            found.update({here: Lender(directory, there) for here, there in declared.items()})
    return found


def move(
    request: CutoverRequest,
    new: RunningMachine,
    old: RunningMachine | None,
    lent: dict[int, Lender],
    undo: Rollback,
) -> float:
    """Move the declared ports; the longest time in seconds that one of them was nobody's."""
    silent = 0.0
    held, had = new.declared(), old.declared() if old else {}
    for here in sorted(held.keys() | had.keys() | request.forwards.keys()):
        there = request.forwards.get(here)
        begun = time.monotonic()
        if lender := lent.get(here):
            undo.add(partial(lender.place, here, lender.there))
        if old:
            undo.add(partial(port_forwards.place, old.monitor, here, had.get(here, held.get(here))))
            undo.add(partial(port_forwards.place, new.monitor, here, None))
            port_forwards.place(old.monitor, here, None)
        else:
            undo.add(partial(port_forwards.place, new.monitor, here, held.get(here)))
        if lender:
            lender.place(here, None)
        port_forwards.place(new.monitor, here, there)
        if here in had or here in lent:
            silent = max(silent, time.monotonic() - begun)
    return silent
