"""The public addresses of a stack's servers, as the cloud has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flakeship.model.errors import SettingError
from flakeship.state.outputs import ServerOutput
from flakeship.targets.openstack.inventory import Address, Inventory
from flakeship.targets.openstack.outputs import server_details
from flakeship.targets.openstack.settings import CloudServer


def resolved(server: CloudServer, inventory: Inventory, stack: str) -> CloudServer:
    """The server with an address that exists; its own one by name means `floating`.

    Otherwise the own one would no longer be declared, and so be released. Raises SettingError
    (address-missing) for an address that the project does not have.
    """
    options, own = server.options, _own(inventory, stack, server.name)
    if options.address in ("floating", "none"):
        return server
    existing = sorted(each.address for each in inventory.addresses)
    if options.address not in existing:
        raise SettingError(
            f"the project {inventory.project_name} does not have this floating IP",
            code="address-missing",
            key=f"flakeship:servers[{server.name}].openstack.address",
            given=options.address,
            allowed=", ".join(["floating", "none", *existing]),
        )
    if own and own.address == options.address:
        floating = options.model_copy(update={"address": "floating"})
        return server.model_copy(update={"options": floating})
    return server


def missing(servers: Sequence[CloudServer], inventory: Inventory, stack: str) -> int:
    """How many floating IPs have to be created."""
    wanted = [server.name for server in servers if server.options.address == "floating"]
    return sum(_own(inventory, stack, name) is None for name in wanted)


def _own(inventory: Inventory, stack: str, server: str) -> Address | None:
    """The floating IP that a stack has created for a server of this name."""
    owned = (each for each in inventory.addresses if (each.stack, each.name) == (stack, server))
    return next(owned, None)


def taken(
    servers: Sequence[CloudServer], inventory: Inventory, before: Mapping[str, ServerOutput]
) -> list[str]:
    """The notices about existing addresses that lead to a port which is not the stack's."""
    ours = {server_details(output).port for output in before.values()} | {""}
    by_address = {each.address: each for each in inventory.addresses}
    return [
        f"{server.name}: {found.address} leads to the port {found.port} now, which is not of this "
        "stack; it moves to this server"
        for server in servers
        if (found := by_address.get(server.options.address)) and found.port not in ours
    ]
