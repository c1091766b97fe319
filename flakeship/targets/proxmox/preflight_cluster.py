"""Refusals of a cluster that cannot have the stack, with the command that mends it on a node."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.proxmox import preflight_names, privileges
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.inventory import Node

OLDEST = (8, 4)  # the first that takes qcow2 files as content `import`
WITHOUT_CLONES = frozenset({"lvm", "iscsi", "iscsidirect"})
"""Types of storage that cannot share blocks between disks."""


def check(context: PlanningContext, nodes: Sequence[str]) -> None:
    """Refuse a cluster that cannot have the stack, whose nodes were these before.

    Raises FlakeshipError: pve-too-old, cluster-mismatch, pool-unknown, storage-unknown,
    bridge-unknown, privilege-missing, storage-content, clone-impossible, ha-group-gone.
    """
    _check_cluster(context, nodes)
    _check_privileges(context)
    _check_storages(context)
    _check_settings(context)


def _check_cluster(context: PlanningContext, before: Sequence[str]) -> None:
    """Refuse a Proxmox VE that is too old, another cluster than that of the nodes `before`."""
    inventory = context.inventory
    if inventory.release < OLDEST:
        raise FlakeshipError(
            f"Proxmox VE {inventory.version} takes no qcow2 images by its API",
            code="pve-too-old",
            key=inventory.endpoint,
            allowed="Proxmox VE 8.4 or newer",
            remedy="upgrade it (`apt update && apt dist-upgrade` on each node); `flakeship export "
            "--format vma` makes an archive to restore by hand",
        )
    refuse_other(inventory.endpoint, before, inventory.nodes)


def refuse_other(endpoint: str, before: Sequence[str], nodes: Sequence[Node]) -> None:
    """Refuse a cluster with none of the nodes that a stack's had `before`, if it had any.

    Raises FlakeshipError (cluster-mismatch).
    """
    names = [node.name for node in nodes]
    if before and not {*before} & {*names}:
        raise FlakeshipError(
            f"this stack is on a cluster with the nodes {', '.join(before)}, and this one has "
            f"{', '.join(names) or 'none'}",
            code="cluster-mismatch",
            key=endpoint,
            remedy="name an endpoint of the stack's cluster, or make another stack for this one "
            "(pulumi stack init)",
        )


def _check_privileges(context: PlanningContext) -> None:
    """Refuse names that the token does not see, and a token that lacks privileges.

    With the commands that grant them.
    """
    inventory, options = context.inventory, context.settings.options
    servers = [server.options for server in context.settings.instances]
    vlans = [options.vlan if each.vlan is None else each.vlan for each in servers]
    bridges = {(s.bridge or options.bridge, vlan) for s, vlan in zip(servers, vlans, strict=True)}
    needed = privileges.needs(
        release=inventory.release,
        pool=options.pool,
        images=options.storage.images,
        disks=options.storage.disks,
        bridges=bridges,
        ha=any(each.ha for each in servers),
        permissions=inventory.permissions,
    )
    missing = [(need, need.missing(inventory.permissions)) for need in needed]
    lacking = [(need, found) for need, found in missing if found]
    grants = {
        need.path: f"  {privileges.grant(inventory, need.path, found, need.role)}"
        for need, found in lacking
    }
    unseen = preflight_names.unseen(context)
    preflight_names.refuse(context, unseen, grants)
    if lacking:
        raise FlakeshipError(
            "the token or its user lacks privileges: "
            + "; ".join(f"{', '.join(found)} on {need.path}" for need, found in lacking),
            code="privilege-missing",
            key=inventory.user,
            remedy="run these on a node, as root:",
            details=[
                *grants.values(),
                *(
                    f"{each.key} may be misspelt, too: the token sees no {each.kind} at all, so "
                    f"not {each.name} either"
                    for each in unseen
                ),
            ],
        )


def _check_storages(context: PlanningContext) -> None:
    """Refuse storages that do not have the content that they are for."""
    options, inventory = context.settings.options, context.inventory
    names = sorted({each.name for each in inventory.storages})
    for key, name, content in (
        ("images", options.storage.images, "import"),
        ("disks", options.storage.disks, "images"),
    ):
        found = [each for each in inventory.storages if each.name == name]
        place = f"flakeship:proxmox.storage.{key}"
        has = found[0].content
        if content not in has:
            more = ",".join([*has, content])
            raise SettingError(
                f"the storage does not have the content {content}",
                code="storage-content",
                key=place,
                given=name,
                allowed=", ".join(n for n in names if _has(context, n, content)),
                remedy=f"run `pvesm set {quote(name)} --content {quote(more)}` on a node, or name "
                "another one",
            )
        if key == "disks" and options.clone == "linked" and found[0].type in WITHOUT_CLONES:
            raise SettingError(
                f"a storage of the type {found[0].type} has no linked clones",
                code="clone-impossible",
                key="flakeship:proxmox.clone",
                given="linked",
                allowed="full",
                remedy="set it to full, or name another storage of disks",
            )


def _check_settings(context: PlanningContext) -> None:
    """Refuse HA groups where they are rules now."""
    for server in context.settings.instances:
        if server.options.ha_group and context.inventory.release >= (9, 0):
            raise SettingError(
                "Proxmox VE 9 has rules in the place of HA groups",
                code="ha-group-gone",
                key=f"flakeship:servers[{server.name}].proxmox.haGroup",
                given=server.options.ha_group,
                remedy="remove it, and add a rule with `ha-manager rules add node-affinity`",
            )


def _has(context: PlanningContext, name: str, content: str) -> bool:
    return any(s.name == name and content in s.content for s in context.inventory.storages)
