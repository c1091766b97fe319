"""Which of the cloud's networks a stack uses."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.inventory import Inventory, Network
from flakeship.targets.openstack.settings import OpenStackSettings


@dataclass(frozen=True)
class Networks:
    """Ids of networks, empty where the stack needs none.

    `network` is the servers' own, empty for one that the stack creates; `external` is where the
    router of that leads; `pool` is where floating IPs come from, and `pool_name` its name.
    """

    network: str
    external: str
    pool: str
    pool_name: str


def find(options: OpenStackSettings, inventory: Inventory, *, floating: bool) -> Networks:
    """Find the networks; with `floating` a server or its verification needs a floating IP.

    Raises SettingError for a network that does not exist (network-missing), and for a name or a
    default that several networks match (network-ambiguous).
    """
    own = options.network
    network = named(inventory, "network", own.name) if own.name else None
    pool = external(inventory, "pool", options.pool) if floating else None
    outside = None
    if network is None:
        outside = (
            external(inventory, "network.external", own.external) if own.external else pool
        ) or external(inventory, "network.external", "")
    return Networks(
        network.id if network else "",
        outside.id if outside else "",
        pool.id if pool else "",
        pool.name if pool else "",
    )


def named(inventory: Inventory, key: str, name: str) -> Network:
    """The one network of this name or id."""
    found = [each for each in inventory.networks if name in (each.name, each.id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise error(
            f"{len(found)} networks have this name",
            "network-ambiguous",
            key,
            given=name,
            allowed=", ".join(each.id for each in found),
            remedy="use the id of one of them",
        )
    names = sorted(each.name for each in inventory.networks)
    near = difflib.get_close_matches(name, names, 3)
    raise error(
        f"the project {inventory.project_name} has no access to such a network",
        "network-missing",
        key,
        given=name,
        allowed=", ".join(near or names),
    )


def external(inventory: Inventory, key: str, name: str) -> Network:
    """The external network of this name or, without one, the only one that there is."""
    found = [each for each in inventory.networks if each.external]
    names = ", ".join(sorted(each.name for each in found))
    if name:
        network = named(inventory, key, name)
        if network.external:
            return network
        what = "this network is not external, as floating IPs and routers need one"
        raise error(what, "network-not-external", key, given=name, allowed=names)
    if len(found) == 1:
        return found[0]
    if found:
        what = f"must be set, because the cloud has {len(found)} external networks"
        raise error(what, "network-ambiguous", key, allowed=names)
    raise error(
        f"the project {inventory.project_name} has no access to an external network",
        "network-missing",
        key,
        remedy="name an existing `network` and `access: direct`, with `address: none` for every "
        "server",
    )


def error(
    what: str, code: str, key: str, *, given: str = "", allowed: str = "", remedy: str = ""
) -> SettingError:
    """An error about a setting of the target."""
    key = f"flakeship:openstack.{key}"
    return SettingError(what, code=code, key=key, given=given, allowed=allowed, remedy=remedy)
