"""The check that only a server of Nova's has: what the API reports of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.verify.checks.verdict import Failed

if TYPE_CHECKING:
    from openstack.proxy import Proxy


def api(compute: Proxy, network: Proxy, request: VerifyServerRequest, server_port: Port) -> str:
    """Nova and Neutron report the server as it was requested."""
    try:
        server = rest.call(compute, "GET", f"/servers/{request.server}")["server"]
        now = port.find(network, request.machine, server_port.id)
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
        ("the server of its port", now.device or "none", request.server),
        ("the address of its port", now.ipv4, address),
    ]
    wrong = [f"{what} is {found}, not {value}" for what, found, value in expected if found != value]
    if address not in addresses:
        has = ", ".join(sorted(addresses)) or "none"
        wrong.append(f"{address} is not among its addresses: {has}")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"ACTIVE, {request.flavor}, image {request.image}, {address} on port {server_port.id}"
