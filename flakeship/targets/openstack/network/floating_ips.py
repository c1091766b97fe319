"""The public addresses of a stack's servers, as the cloud has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.inventory import Address, Inventory
from flakeship.targets.openstack.settings import CloudServer

REPAIR = "`pulumi refresh` tells the state, and the next `up` puts it right"


def own(look: Inventory, stack: str, server: str) -> Address | None:
    """The floating IP that a stack has made for a server of this name."""
    marked = (each for each in look.addresses if (each.stack, each.name) == (stack, server))
    return next(marked, None)


def resolved(server: CloudServer, look: Inventory, stack: str) -> CloudServer:
    """The server with an existing address that is there; our own for it is `floating` as ever.

    Were that one named and no longer declared, it would be released. Raises SettingError for an
    address that the project does not have.
    """
    if server.options.address in ("floating", "none"):
        return server
    if not any(each.address == server.options.address for each in look.addresses):
        there = sorted(each.address for each in look.addresses)
        raise SettingError(
            f"flakeship:servers: {server.name}: address: the project {look.project_name} has no "
            f"floating IP {server.options.address}; it has {', '.join(there) or 'none'}"
        )
    ours = own(look, stack, server.name)
    if ours and ours.address == server.options.address:
        options = server.options.model_copy(update={"address": "floating"})
        return server.model_copy(update={"options": options})
    return server


def missing(servers: list[CloudServer], look: Inventory, stack: str) -> int:
    """How many floating IPs have to be made."""
    return sum(s.options.address == "floating" and not own(look, stack, s.name) for s in servers)


def drifted(servers: list[CloudServer], reports: Mapping[str, Any], look: Inventory) -> list[str]:
    """What to tell of addresses that do not lead to where the last good run has put them."""
    said = []
    for server in servers:
        before = reports.get(server.name) or {}
        if server.options.address == "none" or not before.get("port") or before.get("fixed"):
            continue
        there = [each for each in look.addresses if each.address == before["address"]]
        if not there:
            said.append(f"{server.name}: its address {before['address']} is gone: {REPAIR}")
        elif there[0].port != before["port"]:
            where = f"to the port {there[0].port}" if there[0].port else "nowhere"
            said.append(
                f"{server.name}: its address {before['address']} leads {where}, not to "
                f"{before['machine']}: {REPAIR}"
            )
    return said


def leaving(servers: list[CloudServer], reports: Mapping[str, Any]) -> list[str]:
    """What to tell of servers that are in the settings no more."""
    names = {server.name for server in servers}
    return [
        f"{name} is not in the settings any more: its server goes"
        + (f", and its address {report['address']} with it" if report.get("released") else "")
        for name, report in reports.items()
        if name not in names
    ]


def moves(active: Mapping[str, str], reports: Mapping[str, Any]) -> list[str]:
    """Which addresses move in this run; `active` are the machines to be by server."""
    return [
        f"{name}: {report['address']} moves from {report['machine']} to {active[name]}"
        for name, report in reports.items()
        if name in active and report["machine"] != active[name] and not report.get("fixed")
    ]
