"""Why Nova could not make a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.api.errors import client


def failure(name: str, server: Mapping[str, Any], cloud: str) -> FlakeshipError:
    """The error about a server that is in ERROR, with Nova's own words."""
    fault = (server.get("fault") or {}).get("message", "").rstrip(". ") or "without a reason"
    show = client(cloud, f"server show {server['id']}")
    return FlakeshipError(
        f"is in ERROR in Nova: {fault}",
        code="server-error",
        key=name,
        remedy=f"`{show}` shows more; free or ask for what is missing, and run again",
    )


def find(cloud: str, name: str) -> FlakeshipError | None:
    """The error about the newest server of this name that is in ERROR; None where none is.

    Raises FlakeshipError where the cloud cannot be asked.
    """
    with connected(cloud) as connection:
        compute = rest.client(connection, "compute")
        query = f"/servers/detail?name=^{name}$&status=ERROR&sort_key=created_at&sort_dir=desc"
        found = rest.call(compute, "GET", query)["servers"]
        if not found:
            return None
        # the list does not always have the fault
        server = rest.call(compute, "GET", f"/servers/{found[0]['id']}")["server"]
        return failure(name, server, cloud)
