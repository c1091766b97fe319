"""What stands between the workstation and a server that is silent, as far as the cloud tells."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from flakeship.model.ports import SSH
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network.port import floating
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import nova

if TYPE_CHECKING:
    from openstack.proxy import Proxy

Rule = Mapping[str, Any]


def find(compute: Proxy, network: Proxy, request: VerifyServerRequest) -> list[str]:
    """Lines about the state in Nova, the port, its security groups and addresses: what is wrong.

    What the cloud does not tell is a line too: the failure itself is the one to show.
    """
    lines: list[str] = []
    for look in (_state, _port):
        try:
            lines += [f"  {line}" for line in look(compute, network, request)]
        except (SDKException, ClientException) as error:
            lines.append(f"  The cloud does not report its state: {errors.answer(error)}")
    return lines


def _state(compute: Proxy, _: Proxy, request: VerifyServerRequest) -> Iterator[str]:
    try:
        server = nova.server(compute, request.server)
    except NotFoundException:
        yield f"Nova has no server {request.server} any more."
        return
    if server["status"] == "ERROR":
        yield str(nova.failure(request.machine, server, request.cloud))
    elif server["status"] != "ACTIVE":
        yield f"It is {server['status']} in Nova."


def _port(_: Proxy, network: Proxy, request: VerifyServerRequest) -> Iterator[str]:
    number, cloud = request.port, request.cloud
    try:
        port = rest.call(network, "GET", f"/ports/{number}")["port"]
    except NotFoundException:
        yield f"Its port {number} no longer exists."
        return
    if port["device_id"] != request.server:
        where = f"of the server {port['device_id']}" if port["device_id"] else "plugged in nowhere"
        yield f"Its port {number} is {where}."
    if port.get("admin_state_up") is False:
        undo = client(cloud, f"port set --enable {number}")
        yield f"Its port {number} is disabled: `{undo}` enables it."
    if port.get("status") == "DOWN":
        yield f"Its port {number} is DOWN in Neutron: no network agent has bound it."
    if port.get("port_security_enabled") is not False:
        yield from _groups(network, port, cloud)
    for each in floating(network, port_id=number):
        if each.get("status") not in {None, "ACTIVE"}:
            address = each["floating_ip_address"]
            yield f"Its floating IP {address} is {each['status']} in Neutron: look at the router."


def _groups(network: Proxy, port: Mapping[str, Any], cloud: str) -> Iterator[str]:
    """What the security groups of a port keep out or in."""
    groups = [
        rest.call(network, "GET", f"/security-groups/{number}")["security_group"]
        for number in port.get("security_groups", [])
    ]
    rules = [rule for group in groups for rule in group["security_group_rules"]]
    named = ", ".join(f"{group['name']} ({group['id']})" for group in groups)
    if not groups:
        yield f"Its port {port['id']} has no security group, so nothing gets in or out."
        return
    show = client(cloud, f"security group rule list {groups[0]['id']}")
    if not _lets_in(rules):
        yield f"Its security group {named} lets nobody in to tcp {SSH}: `{show}` shows its rules."
    for kind in sorted({f"IPv{_version(each['ip_address'])}" for each in port["fixed_ips"]}):
        if not any(rule["direction"] == "egress" and rule["ethertype"] == kind for rule in rules):
            yield (
                f"Its security group {named} lets no {kind} out, DHCP and metadata among it: "
                f"`{show}` shows its rules."
            )


def _lets_in(rules: Sequence[Rule]) -> bool:
    return any(
        rule["direction"] == "ingress"
        and rule.get("protocol") in {None, "tcp", "6"}
        and (rule.get("port_range_min") or SSH) <= SSH <= (rule.get("port_range_max") or SSH)
        for rule in rules
    )


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version
