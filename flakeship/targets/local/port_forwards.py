"""A machine's forwarded ports, as its QEMU has them."""

from __future__ import annotations

import re

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local import host
from flakeship.targets.local.machine_record import MachineRecord
from flakeship.targets.local.qemu_command import forward
from flakeship.targets.local.qmp import Monitor

_RULE = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)")


def listed(monitor: Monitor) -> dict[int, int]:
    """The guest's port for each port of this host."""
    return {int(here): int(there) for here, there in _RULE.findall(monitor.human("info usernet"))}


def declared(monitor: Monitor, saved: MachineRecord) -> dict[int, int]:
    """The ports that a machine has for its server, beside those of its own."""
    own = set(saved.ports.values())
    return {here: there for here, there in listed(monitor).items() if here not in own}


def add(monitor: Monitor, here: int, there: int) -> None:
    """Forward a port of this host. Raises a FlakeshipError when the port is not free."""
    if said := monitor.human(f"hostfwd_add net0 {forward(here, there)}"):
        raise FlakeshipError(
            f"port {here} of {host.LOOPBACK} could not be forwarded to port {there}: {said}; "
            f"held by {host.holder(here)}: stop it or declare another port"
        )


def place(monitor: Monitor, here: int, there: int | None) -> None:
    """See to it that a port of this host leads to the guest's port `there`, or nowhere.

    Connections that exist stay. Raises a FlakeshipError when the port is not free.
    """
    now = listed(monitor).get(here)
    if now == there:
        return
    if now is not None:
        monitor.human(f"hostfwd_remove net0 tcp:{host.LOOPBACK}:{here}")
    if there is not None:
        add(monitor, here, there)
