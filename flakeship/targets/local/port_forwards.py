"""A machine's port forwards, as its QEMU has them."""

from __future__ import annotations

import re

from flakeship.model.errors import FlakeshipError
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import workstation
from flakeship.targets.local.machine_record import MachineRecord
from flakeship.targets.local.qemu_command import forward_rule
from flakeship.targets.local.qmp import Monitor

_RULE = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)")


def listed(monitor: Monitor) -> dict[int, int]:
    """The guest port of each forwarded host port."""
    rules = _RULE.findall(monitor.human("info usernet"))
    return {int(host_port): int(guest_port) for host_port, guest_port in rules}


def of_server(monitor: Monitor, record: MachineRecord) -> dict[int, int]:
    """The forwards that a machine has for its server, beyond those of its record."""
    own = set(record.ports.values())
    return {host: guest for host, guest in listed(monitor).items() if host not in own}


def add(monitor: Monitor, host_port: int, guest_port: int) -> None:
    """Forward a host port. Raises FlakeshipError (`host-port-taken`) when QEMU cannot listen."""
    if output := monitor.human(f"hostfwd_add net0 {forward_rule(host_port, guest_port)}"):
        raise port_taken(
            f"cannot be forwarded to port {guest_port} ({output}): "
            f"{workstation.port_holder(host_port)} listens on it",
            host_port,
        )


def place(monitor: Monitor, host_port: int, guest_port: int | None) -> None:
    """Forward a host port to a guest port, or to none; established connections stay.

    Raises FlakeshipError (`host-port-taken`).
    """
    current = listed(monitor).get(host_port)
    if current == guest_port:
        return
    if current is not None:
        monitor.human(f"hostfwd_remove net0 tcp:{LOOPBACK}:{host_port}")
    if guest_port is not None:
        add(monitor, host_port, guest_port)


def port_taken(what: str, host_port: int) -> FlakeshipError:
    """The error of a host port that another process has."""
    return FlakeshipError(
        what,
        code="host-port-taken",
        key=f"port {host_port} of {LOOPBACK}",
        remedy="stop that process, or declare another hostPort",
    )
