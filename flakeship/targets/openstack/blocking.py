"""What others have in a stack's own network: it keeps `pulumi destroy` from finishing.

Neutron refuses to remove a subnet, and a router's interface, while something uses them; the
provider asks again for ten minutes, and then names only a state (hashicorp/terraform#11192).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from flakeship.targets.openstack.owned_resources import (
    Lists,
    Object,
    is_interface,
    own_networks,
    owner_of,
)

OCTAVIA = ("Octavia", "neutron:LOADBALANCERV2")


@dataclass(frozen=True)
class Blocking:
    """An object of others, and the words of the client `openstack` that remove it."""

    what: str
    command: str


def find(stack: str, lists: Lists, held: Collection[str]) -> list[Blocking]:
    """What is in the networks of a stack, or on its routers, that the state does not hold.

    What carries the stack's tags is no obstacle: it is a sweep's.
    """
    networks, routers = own_networks(stack, lists, held)
    addresses = {each.get("port_id"): each for each in lists["floatingips"] if each.get("port_id")}
    found: list[Blocking] = []
    for port in lists["ports"]:
        if port["id"] in held or owner_of(port).stack == stack:
            continue
        if port["network_id"] in networks:
            found += _of_port(port, routers, addresses.get(port["id"]))
        elif port["device_id"] in routers and is_interface(port):
            found.append(_interface(port))
    return found


def _of_port(port: Object, routers: Collection[str], address: Object | None) -> Iterator[Blocking]:
    owner, device, number = str(port["device_owner"]), port["device_id"], port["id"]
    name = port.get("name") or "without a name"
    if is_interface(port):
        if device not in routers:
            yield _interface(port)
        return
    if owner.startswith("network:"):
        return  # Neutron's own, which go with the network
    if address:
        public = address["floating_ip_address"]
        command = f"floating ip unset --port {address['id']}"
        yield Blocking(f"the floating IP {public}, which leads to the port {name}", command)
    if owner in OCTAVIA:
        balancer = device.removeprefix("lb-")
        yield Blocking(
            f"the load balancer of the port {name}", f"loadbalancer delete --cascade {balancer}"
        )
        return
    if owner.startswith("compute:"):
        # some clouds let nobody but Nova delete it, and a port that Nova has made goes with this
        removal = f"server remove port {device} {number}"
        yield Blocking(f"the port {name} of the server {device}", removal)
        return
    yield Blocking(f"the port {name}, {owner or 'of nothing'}", f"port delete {number}")


def _interface(port: Object) -> Blocking:
    command = f"router remove port {port['device_id']} {port['id']}"
    return Blocking(f"an interface of the router {port['device_id']}", command)
