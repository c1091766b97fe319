"""Servers of tests with the keys of the target where they belong."""

from typing import Any

from flakeship.config.server import TARGET
from flakeship.targets.openstack.settings import OpenStackServer

OWN = {field.alias or name for name, field in OpenStackServer.model_fields.items()}


def in_block(server: dict[str, Any], block: str = TARGET) -> dict[str, Any]:
    """A flat server, with its keys of the target in their block."""
    own = {key: value for key, value in server.items() if key in OWN}
    rest = {key: value for key, value in server.items() if key not in OWN}
    return {**rest, block: own} if own else rest
