"""Why a cloud did not make what it was asked for, in its words and ours."""

from __future__ import annotations

from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.servers.verify_server import fault


def of_server(cloud: str, name: str) -> str:
    """Nova's fault of the newest server of this name that is in ERROR; empty where none is.

    Raises FlakeshipError where the cloud cannot be asked.
    """
    with connected(cloud) as connection:
        compute = rest.client(connection, "compute")
        query = f"/servers/detail?name=^{name}$&status=ERROR&sort_key=created_at&sort_dir=desc"
        found = rest.ask(compute, "GET", query)["servers"]
        if not found:
            return ""
        # the list does not always tell the fault
        return fault(rest.ask(compute, "GET", f"/servers/{found[0]['id']}")["server"], cloud)
