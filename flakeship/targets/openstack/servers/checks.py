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


def api(compute: Proxy, network: Proxy, request: VerifyServerRequest, at: Port) -> str:
    """Nova and Neutron have the server as it was asked for."""
    try:
        server = rest.ask(compute, "GET", f"/servers/{request.server}")["server"]
        now = port.find(network, request.machine, at.id)
    except (SDKException, ClientException) as error:
        raise Failed(f"the API does not tell: {errors.answer(error)}") from error
    except FlakeshipError as error:
        raise Failed(str(error)) from error
    image = (server["image"] or {"id": "none, but a volume"})["id"]
    addresses = {each["addr"] for net in server["addresses"].values() for each in net}
    wishes = [
        ("the status", server["status"], "ACTIVE"),
        ("the flavor", server["flavor"]["original_name"], request.flavor),
        ("the image", image, request.image),
        ("the server of its port", now.device or "none", request.server),
        ("the address of its port", now.ipv4, at.ipv4),
    ]
    wrong = [f"{what} is {found}, not {wish}" for what, found, wish in wishes if found != wish]
    if at.ipv4 not in addresses:
        has = ", ".join(sorted(addresses)) or "none"
        wrong.append(f"{at.ipv4} is not among its addresses: {has}")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"ACTIVE, {request.flavor}, image {request.image}, {at.ipv4} on port {at.id}"
