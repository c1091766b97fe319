"""What a preview should say of this machine before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeship.model.errors import SettingError
from flakeship.system.files import read
from flakeship.targets.local import host, machine, port_moves
from flakeship.targets.local.plan import Machine


def warnings(machines: list[Machine], before: Mapping[str, Any]) -> list[str]:
    """What a person should know of the servers; `before` is the stack's own output `servers`.

    Raises SettingError for a port of this host that somebody else holds.
    """
    ports_are_free(machines)
    said = [line for each in machines for line in down(each)]
    wanted = {each.server.name: each.server.data_disks for each in machines}
    for server, report in before.items():
        gone = sorted(set(report.get("data", {})) - set(wanted.get(server, {})))
        said += [f"the data disk {name} of {server} goes, with all that is on it" for name in gone]
    return said


def down(planned: Machine) -> list[str]:
    """Whether the server's machine has died: the planned one, or the one that it is to follow."""
    name, folder = planned.server.name, Path(planned.directory).parent
    active = read(Path(planned.active)).strip() or planned.id
    for identity in dict.fromkeys((planned.id, active)):
        seen = machine.probe(folder / identity)
        if seen.boot and not seen.runs and identity == planned.id:
            return [f"{name} is not running ({identity}): `up` starts it again"]
        if seen.boot and not seen.runs:
            return [
                f"{name} is down: {identity} is not running. `up` brings it back with a release "
                "that passes its checks, or with its own by flakeship:release"
            ]
    return []


def ports_are_free(machines: list[Machine]) -> None:
    """Refuse a host port that neither is free nor has been given to a server of this stack."""
    taken = [
        (planned, port.host_port, port.port)
        for planned in machines
        for port in planned.server.declared
        if port.host_port and not host.free(port.host_port)
    ]
    ours = port_moves.everybodys(Path(machines[0].directory).parent) if taken else {}
    for planned, here, there in taken:
        if here not in ours:
            raise SettingError(
                f"flakeship:servers: the port {here} of this machine, declared by "
                f"{planned.server.name} as `hostPort` of port {there}, is held by "
                f"{host.holder(here)}: stop that, or give another `hostPort`"
            )
