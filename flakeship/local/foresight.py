"""What a preview should say of this machine before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeship.errors import SettingError
from flakeship.local import host, machine
from flakeship.local.files import read
from flakeship.local.plan import Machine


def warnings(machines: list[Machine], before: Mapping[str, Any]) -> list[str]:
    """What a person should know of the servers; `before` is the stack's own output `servers`.

    Raises SettingError for a port of this host that somebody else holds.
    """
    said = []
    for each in machines:
        ports_are_free(each, before)
        said += down(each)
    wanted = {each.server.name: each.server.data for each in machines}
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


def ports_are_free(planned: Machine, before: Mapping[str, Any]) -> None:
    """Refuse a host port that neither is free nor belongs to a server of this stack.

    A QEMU that holds one may be ours, and unknown to the last outputs: the cut-over looks closer.
    """
    ours = {where for report in before.values() for where in report.get("ports", {}).values()}
    for port in planned.server.declared:
        if not port.host or f"{host.LOOPBACK}:{port.host}" in ours or host.free(port.host):
            continue
        holder = host.holder(port.host)
        if not holder.startswith("qemu-system"):
            raise SettingError(
                f"flakeship:servers: the port {port.host} of this machine, declared by "
                f"{planned.server.name} as `host` of port {port.port}, is held by "
                f"{holder}: stop that, or give another `host`"
            )
