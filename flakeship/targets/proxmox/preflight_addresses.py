"""Refusals and warnings about addresses, from what one look at a cluster can tell of them.

Who else has an address on the network only its cutover finds out, by ARP.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from flakeship.model.errors import SettingError
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.numbers import Need, plain
from flakeship.targets.proxmox.resources import written
from flakeship.targets.proxmox.settings import ProxmoxInstance


def check(context: PlanningContext) -> None:
    """Refuse addresses that something else on the cluster has.

    Raises SettingError (address-in-use).
    """
    holders = _holders(context)
    for server in context.settings.instances:
        own = _own(context, server.name)
        for key, address in _given(server):
            holder = holders.get(plain(address))
            if holder and plain(address) not in own:
                raise SettingError(
                    f"is {holder}",
                    code="address-in-use",
                    key=f"flakeship:servers[{server.name}].proxmox.{key}",
                    given=address,
                    remedy="give it one that nothing else has",
                )


def notices(context: PlanningContext, new: Sequence[Machine]) -> Iterator[str]:
    """Warnings about new machines without a gateway, and servers that will run out of addresses."""
    for machine in new:
        if machine.server.options.addresses and not machine.server.options.gateway:
            yield (
                f"{machine.server.name}: {machine.id} has a static address and no gateway, so it "
                "reaches its own network alone: set the gateway of this server unless that is meant"
            )
    for server in context.settings.instances:
        if server.options.addresses and Need.of(context, server).lacks:
            error = Need.of(context, server).too_few("a later release will be refused")
            yield str(error)


def _given(server: ProxmoxInstance) -> Iterator[tuple[str, str]]:
    options = server.options
    if options.service_address:
        yield "serviceAddress", options.service_address
    for number, address in enumerate(options.addresses):
        yield f"addresses[{number}]", address


def _own(context: PlanningContext, server: str) -> set[str]:
    """The addresses that a server has: who takes one of these later is not its fault."""
    deployed = context.deployed.get(server, [])
    services = {plain(machine.server.options.service_address) for machine in deployed[:1]}
    return services | {plain(machine.address) for machine in deployed}


def _holders(context: PlanningContext) -> Mapping[str, str]:
    """What has an address, as words: nodes, their gateways, and machines of other stacks."""
    inventory, own = context.inventory, written(context.stack)
    tagged = {
        vm.marks.address: f"the address of {vm}, of the stack {vm.marks.stack}"
        for vm in inventory.vms
        if vm.marks.address and vm.marks.stack != own
    }
    return {**tagged, **_api(inventory.endpoint), **inventory.addresses}


def _api(endpoint: str) -> Mapping[str, str]:
    host = urlsplit(endpoint).hostname or ""
    try:
        return {str(ipaddress.ip_address(host)): "the address of the API"}
    except ValueError:
        return {}
