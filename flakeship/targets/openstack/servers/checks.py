"""The checks that only a server of Nova's has: what the API reports of it, and its IPv6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from flakeship.model import ports
from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import SSH
from flakeship.ssh import connection
from flakeship.system import tcp
from flakeship.system.backoff import backoff
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.targets.openstack.servers import nova
from flakeship.verify.checks import outside, probe
from flakeship.verify.checks.facts import Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route

if TYPE_CHECKING:
    from openstack.proxy import Proxy

SLAAC = 60.0  # seconds for a server to configure its address: it asks a router less and less often
UNROUTED = (  # how faults of a forward end where the machine has no IPv6 or no route
    "Network is unreachable",
    "No route to host",
    "connect failed: open failed",  # of OpenSSH, which has no words for a connect that cannot begin
    "Address family for hostname not supported",  # with AddressFamily inet
)
KNOCK = 2.0  # seconds for an answer before another route is tried

Probed = Mapping[int, ports.Port]


def api(compute: Proxy, network: Proxy, request: VerifyServerRequest, server_port: Port) -> str:
    """Nova and Neutron report the server as it was requested."""
    try:
        server = nova.server(compute, request.server)
        device, now = port.reported(network, request.machine, server_port.id)
    except (SDKException, ClientException) as error:
        raise Failed(f"the API does not answer: {errors.answer(error)}") from error
    except FlakeshipError as error:
        raise Failed(str(error)) from error
    image = (server["image"] or {"id": "none, but a volume"})["id"]
    address = server_port.ipv4
    addresses = {each["addr"] for found in server["addresses"].values() for each in found}
    expected = [
        ("the status", server["status"], "ACTIVE"),
        ("the flavor", server["flavor"]["original_name"], request.flavor),
        ("the image", image, request.image),
        ("the server of its port", device or "none", request.server),
        ("the address of its port", now, address),
    ]
    wrong = [f"{what} is {found}, not {value}" for what, found, value in expected if found != value]
    if address not in addresses:
        has = ", ".join(sorted(addresses)) or "none"
        wrong.append(f"{address} is not among its addresses: {has}")
    if wrong:
        raise Failed("; ".join(wrong))
    apart = _placed(compute, request, server["hostId"]) if request.placement else ""
    seen = f"ACTIVE, {request.flavor}, image {request.image}, {address} on port {server_port.id}"
    return f"{seen}{apart}"


def _placed(compute: Proxy, request: VerifyServerRequest, host: str) -> str:
    """Where a server is, beside the others of its group: only Nova's id of a host is shown.

    Members that are created at one time may be on one host, whatever the policy is
    (terraform-provider-openstack#1165).
    """
    try:
        groups = rest.list_all(compute, "/os-server-groups", "server_groups")
        mine = next((each for each in groups if request.server in each["members"]), None)
        if mine is None:
            raise Failed(f"it is in no server group, and {request.placement} needs one")
        shared = [
            other["name"]
            for number in mine["members"]
            if number != request.server
            and (other := _member(compute, number))
            and other["hostId"] == host
        ]
    except (SDKException, ClientException) as error:
        raise Failed(f"the API does not answer: {errors.answer(error)}") from error
    if not shared:
        return f", on another host than the {len(mine['members']) - 1} others of its group"
    same = f"on the same host as {', '.join(sorted(shared))} (hostId {host[:12]}…)"
    if request.placement == "anti-affinity":
        raise Failed(f"{same}, and flakeship:openstack.placement is anti-affinity")
    return f", {same}: the cloud had no other that was free"


def _member(compute: Proxy, number: str) -> dict[str, Any] | None:
    """A member of a group, None where it has been deleted."""
    try:
        return nova.server(compute, number)
    except NotFoundException:
        return None


def ipv6(request: VerifyServerRequest, server_port: Port, subject: Subject) -> str:
    """All declared TCP ports answer over IPv6, to the workstation or to the bastion.

    Where neither has an IPv6 route the evidence says so. Restricted ports are left out: they may be
    open to IPv4 addresses only. A silence is the server's fault where its network is routed to the
    workstation (`direct`), or where the bastion meets it too.
    """
    _await_addresses(server_port, subject)
    address, restricted = server_port.ipv6[0], request.restricted
    if SSH in restricted:
        return f"{address} is set; not probed: port {SSH} is restricted"
    tcp_ports = (each for each in subject.request.ports if each.transport == "tcp")
    declared = (each for each in tcp_ports if each.fixed)
    opened = (each for each in declared if not (each.needs_data or each.port in restricted))
    ssh = ports.Port(port=SSH, protocol="ssh")
    probed = {SSH: ssh, **{each.port: each for each in opened}}
    try:
        tcp.exchange(address, SSH, seconds=KNOCK, enough=tcp.a_line)
    except ConnectionRefusedError as error:
        raise Failed(f"{address}: tcp {SSH} is refused") from error
    except OSError as error:
        why = error.strerror or str(error)
        if request.bastion and not subject.route.serving:
            return _from_bastion(request, request.bastion, subject.route, address, probed)
        if request.access == "direct" and isinstance(error, TimeoutError):
            raise Failed(f"{address}: tcp {SSH} does not answer: {why}") from error
        return f"{address} is set; not probed: the workstation has no route to it ({why})"
    seen = replace(subject.route, address=address, ports={number: number for number in probed})
    for each in probed.values():
        outside.answers_on(seen, each, outside.PATIENCE)
    return f"{address}: {_answered(probed)}; seen from this machine"


def _await_addresses(server_port: Port, subject: Subject) -> None:
    """Wait until the server has its port's addresses: the cloud lets no others through."""
    found = subject.facts()
    for _ in backoff(SLAAC):
        missing = {*server_port.ipv6} - {each.address for each in found.addresses}
        if not missing:
            return
        found = probe.run(subject.shell, "addresses")
    has = [a.address for a in found.addresses if ":" in a.address and a.interface != "lo"]
    raise Failed(f"{', '.join(sorted(missing))} is not set, but {', '.join(has) or 'none'}")


def _from_bastion(
    request: VerifyServerRequest, bastion: Bastion, route: Route, address: str, probed: Probed
) -> str:
    try:
        login = bastion.endpoint(request.verify.identity)
        with connection.Connection(login, bastion.host_keys) as through:
            through.connect(bastion.seconds, up=bastion.up)
            forwards = {number: through.forward(address, number) for number in probed}
            seen = replace(route, address=tcp.LOOPBACK, ports=forwards)
            for each in probed.values():
                try:
                    outside.answers_on(seen, each, outside.PATIENCE)
                except Failed:
                    if why := _no_way(through.forward_faults, each.port):
                        who = f"the bastion {bastion.name}"
                        return f"{address} is set; not probed: {who} has no route to it ({why})"
                    raise
            return f"{address}: {_answered(probed)}; seen from {bastion.name}"
    except FlakeshipError as error:
        where = f"neither the workstation nor {bastion.name}: {error}"
        return f"{address} is set; not probed: no route to it from {where}"


def _no_way(faults: Sequence[str], number: int) -> str:
    """The latest fault, where the bastion and not the server keeps it from this port.

    Once port 22, the first one, has answered there is a route.
    """
    last = faults[-1] if faults else ""
    unrouted = number == SSH and last.endswith(UNROUTED)
    return last if unrouted or last.startswith(connection.FORBIDDEN) else ""


def _answered(probed: Probed) -> str:
    return f"tcp {', '.join(map(str, sorted(probed)))} answer"
