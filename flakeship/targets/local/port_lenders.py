"""Host ports that another server of the stack still has although this one declares them now."""

from __future__ import annotations

from flakeship.targets.local import workstation
from flakeship.targets.local.inspect_machine import inspect_machines
from flakeship.targets.local.inventory import MachineState
from flakeship.targets.local.port_forwards import port_taken
from flakeship.targets.local.requests import CutoverRequest


class ContendedError(Exception):
    """A declared port is not free; whether another server has it takes asking every machine.

    Only one cutover at a time may take ports from other servers: QEMU serves one connection at a
    time, so two cutovers that take a port from each other would wait for each other.
    """


def lenders(
    request: CutoverRequest, new: MachineState, old: MachineState | None, *, alone: bool
) -> dict[int, tuple[str, int]]:
    """The machine that has a declared port, and its guest port, where neither `new` nor `old` has.

    Raises FlakeshipError (`host-port-taken`) for a port of a process outside the stack, and
    ContendedError where only a cutover that is `alone` can find out.
    """
    own = {*new.forwards, *(old.forwards if old else {})}
    taken = [p for p in request.forwards if p not in own and not workstation.is_free(p)]
    if not taken:
        return {}
    if not alone:
        raise ContendedError
    connected = {state.record.id for state in (new, old) if state and state.record}
    others = inspect_machines(request.files.machines, besides=connected)
    owners = {
        host_port: (machine, guest_port)
        for machine, state in others.items()
        for host_port, guest_port in state.forwards.items()
    }
    for port in taken:
        if port not in owners:
            raise port_taken(
                f"{request.server} declares it, but {workstation.port_holder(port)} listens on it; "
                "nothing was moved",
                port,
            )
    return {port: owners[port] for port in taken}
