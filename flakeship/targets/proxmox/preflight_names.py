"""Refuses a pool, a storage or a bridge of the settings that the token does not see.

Proxmox VE lists what a token has privileges on, and nothing else: what is not in a list may be
misspelt, or there without a privilege. With privileges on all of a kind it is certain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from flakeship.model.errors import SettingError, did_you_mean
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.privileges import Permissions, has


@dataclass(frozen=True)
class Named:
    """What a setting names: with any of the privileges `audits` on `audited` a token sees it.

    `seen` is all of its kind that the token sees, `path` is what it needs privileges on, `made` how
    it is made or listed.
    """

    kind: str
    key: str
    name: str
    seen: Sequence[str]
    path: str
    audited: str
    audits: Sequence[str]
    made: str

    def certain(self, permissions: Permissions, lacking: Collection[str]) -> bool:
        """Whether the token would see it; it lacks privileges on the paths `lacking`."""
        sees = any(has(permissions, self.audited, privilege) for privilege in self.audits)
        return sees or self.path not in lacking

    def near(self) -> str:
        """What it may be a misspelling of."""
        return did_you_mean(self.name, self.seen)


def unseen(context: PlanningContext) -> list[Named]:
    """What the token does not see, each once."""
    return [*{(n.kind, n.name): n for n in _named(context) if n.name not in n.seen}.values()]


def refuse(context: PlanningContext, found: Sequence[Named], grants: Mapping[str, str]) -> None:
    """Refuse what is not there, or not seen where others of its kind are.

    `grants` are the commands that give the token all that it lacks, by the path. Raises
    SettingError: pool-unknown, storage-unknown, bridge-unknown.
    """
    for each in found:
        certain = each.certain(context.inventory.permissions, grants)
        if not certain and not each.seen:
            continue  # it is the privileges that are missing
        if certain:
            what, remedy = f"the cluster has no such {each.kind}", each.near() or each.made
        else:
            what = f"there is no {each.kind} of this name that {context.inventory.user} sees"
            near = each.near() or f"if it is misspelt, correct it ({each.made})"
            remedy = f"{near}{'' if near.endswith('?') else '.'} If it is there, the token lacks "
            remedy += "privileges on it: run these on a node, as root"
        raise SettingError(
            what,
            code=f"{each.kind}-unknown",
            key=each.key,
            given=each.name,
            allowed=", ".join(each.seen),
            remedy=remedy,
            details=() if certain else [*grants.values()],
        )


def _named(context: PlanningContext) -> Iterator[Named]:
    inventory, options = context.inventory, context.settings.options
    if pool := options.pool:
        yield Named(
            "pool",
            "flakeship:proxmox.pool",
            pool,
            inventory.pools,
            f"/pool/{pool}",
            f"/pool/{pool}",
            ("Pool.Audit",),
            f"`pveum pool add {quote(pool)}` on a node makes it",
        )
    storages = sorted({each.name for each in inventory.storages})
    for key, name in (("images", options.storage.images), ("disks", options.storage.disks)):
        yield Named(
            "storage",
            f"flakeship:proxmox.storage.{key}",
            name,
            storages,
            f"/storage/{name}",
            f"/storage/{name}",
            ("Datastore.Audit", "Datastore.AllocateSpace"),
            "`pvesm status` on a node lists them",
        )
    bridges = sorted({name for found in inventory.bridges.values() for name in found})
    for server in context.settings.instances:
        own = server.options.bridge
        name = own or options.bridge
        yield Named(
            "bridge",
            f"flakeship:servers[{server.name}].proxmox.bridge"
            if own
            else "flakeship:proxmox.bridge",
            name,
            bridges,
            f"/sdn/zones/localnetwork/{name}",
            "/sdn/zones",  # a VNet may be in any of them
            ("SDN.Audit", "SDN.Use"),
            "the network of a node in the web interface shows bridges, its SDN the VNets",
        )
