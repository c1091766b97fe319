"""Which of the cloud's networks a stack uses."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.inventory import Inventory, Network
from flakeship.targets.openstack.settings import OpenStackSettings


@dataclass(frozen=True)
class Networks:
    """Ids of networks: the servers' own, empty for one that is made; where its router leads to;
    and where floating IPs come from, empty where the stack needs none. `pool_name` is its name.
    """

    network: str
    external: str
    pool: str
    pool_name: str


def places(wish: OpenStackSettings, look: Inventory, *, floating: bool) -> Networks:
    """Find them. `floating`: whether any floating IP is needed, for a server or for its checks.

    Raises SettingError for a network that is not there, for a name that two have, and where more
    than one external network could be meant.
    """
    network = named(look, "network", wish.network.name) if wish.network.name else None
    pool = outside(look, "pool", wish.pool) if floating else None
    external = None
    if network is None:
        asked = wish.network.external
        external = outside(look, "network.external", asked) if asked else pool
        external = external or outside(look, "network.external", "")
    return Networks(
        network.id if network else "",
        external.id if external else "",
        pool.id if pool else "",
        pool.name if pool else "",
    )


def named(look: Inventory, key: str, wanted: str) -> Network:
    """The one network of this name or id."""
    found = [each for each in look.networks if wanted in (each.name, each.id)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        raise SettingError(
            f"flakeship:openstack.{key}: {len(found)} networks are called {wanted}: "
            f"give the id of one of them: {ids}"
        )
    names = sorted(each.name for each in look.networks)
    near = difflib.get_close_matches(wanted, names, 3) or names
    raise SettingError(
        f"flakeship:openstack.{key}: the project {look.project_name} sees no network {wanted}; "
        f"nearest: {', '.join(near) or 'it sees none at all'}"
    )


def outside(look: Inventory, key: str, wanted: str) -> Network:
    """The external network of this name or, without one, the only one that there is."""
    if wanted:
        network = named(look, key, wanted)
        if not network.external:
            raise SettingError(
                f"flakeship:openstack.{key}: {wanted} is not external: floating IPs and routers "
                f"need one of {externals(look) or 'which there is none here'}"
            )
        return network
    found = [each for each in look.networks if each.external]
    if len(found) != 1:
        raise SettingError(
            f"flakeship:openstack.{key}: is needed, because there are {len(found)} external "
            f"networks: {externals(look)}"
            if found
            else f"flakeship:openstack.{key}: the project {look.project_name} sees no external "
            "network: name an existing `network` and `reach: direct`, with `address: none` for "
            "every server"
        )
    return found[0]


def externals(look: Inventory) -> str:
    """The names of the external networks."""
    return ", ".join(sorted(each.name for each in look.networks if each.external))
