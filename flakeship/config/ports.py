"""Ports and checks as a user writes them, and whether they fit each other."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from flakeship.config.fields import refuse_duplicates
from flakeship.model.checks import Check
from flakeship.model.ports import Port, with_ssh


def port_alone(value: object) -> object:
    """A port may be given as a number alone."""
    alone = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return {"port": value} if alone else value


Ports = list[Annotated[Port, BeforeValidator(port_alone)]]


def validate_ports(ports: list[Port], checks: list[Check], *, data_disks: bool) -> None:
    """Refuse duplicates, and a check of a port that is not declared or that needs data disks.

    `data_disks`: the server has some. Raises ValueError.
    """
    labels = [port.label for port in with_ssh(ports)]
    refuse_duplicates("port", labels)
    refuse_duplicates("check", [check.name for check in checks])
    need_data = [f"port {port.label}" for port in ports if port.needs_data]
    named = [*need_data, *(f"check {check.name}" for check in checks if check.needs_data)]
    if named and not data_disks:
        raise ValueError(f"{', '.join(named)}: needsData is true, but the server has no data disk")
    for check in checks:
        if check.port and str(check.port) not in labels:
            uses = f"check {check.name} uses TCP port {check.port}"
            if f"udp {check.port}" in labels:
                raise ValueError(f"{uses}, but only UDP port {check.port} is declared")
            raise ValueError(f"{uses}, which is not declared")
        if f"port {check.port}" in need_data and not check.needs_data:
            raise ValueError(f"check {check.name} uses port {check.port}: set its needsData too")
