"""Sweep: removes orphaned resources, and tells which ones a person has to decide on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.rollout import orphans
from flakeship.rollout.orphans import OwnedResource
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from flakeship.targets.proxmox import listed, preflight_cluster
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.outputs import stack_details
from flakeship.targets.proxmox.owned_resources import Found, Search, file_id
from flakeship.targets.proxmox.removal import by_hand, remove
from flakeship.targets.proxmox.requests import Uploaded, UploadRequest
from flakeship.targets.proxmox.resources import UPLOAD, VM, vmid


def sweep(stack: Stack, access: Access) -> SweepResult:
    """See flakeship.rollout.orphans; no run may be under way.

    Raises FlakeshipError where the cluster cannot be read. With an empty state that is a line of
    the result instead: nothing proves then that the stack ever was there.
    """
    found: list[Found] = []
    seen: dict[int, datetime] = {}
    try:
        with client.connected(login.find(access)) as api:
            unrecorded = partial(_unrecorded, api, found, seen)
            swept = orphans.sweep_stack(stack, unrecorded, partial(remove, api))
            where = api.login.endpoint
    except FlakeshipError as error:
        if stack.resources:
            raise
        return SweepResult(left=[f"the state is empty, and no cluster was inspected: {error}"])
    left = [
        f"the node {name} is offline: what this stack may have there was not looked for"
        for name in found[-1].offline
    ]
    if swept.left:
        left += _by_hand(stack.name, where, swept.left)
    return SweepResult([f"{each.kind} {each}" for each in swept.removed], left)


def _by_hand(stack: str, where: str, others: Sequence[OwnedResource]) -> list[str]:
    """The lines about resources that a person has to decide on."""
    return [
        f"found resources of the stack {stack} on {where} that are not in its state.",
        "They may belong to another checkout with a stack of the same name. If not, remove them in "
        "this order, each on its node:",
        *(f"  {by_hand(each)}  # {each}" for each in others),
    ]


def _unrecorded(
    api: Api, found: list[Found], seen: dict[int, datetime], stack: Stack
) -> orphans.Unrecorded:
    """What the state does not hold; all of what was found is added to `found`."""
    read, held = datetime.now(UTC), held_ids(stack)
    entries = api.get(list[listed.Resource], "cluster", "resources")
    before = stack_details(stack.outputs, stack.name).nodes
    preflight_cluster.refuse_other(api.login.endpoint, before, listed.nodes(entries))
    found.append(Search(api, stack.name, held, read, seen).find(entries))
    return orphans.Unrecorded(found[-1].resources, held, read)


def held_ids(stack: Stack) -> set[str]:
    """The ids of the virtual machines and the files that the state holds."""
    ids = {str(vmid(resource)) for resource in stack.resources if resource.token == VM}
    for resource in stack.of(UPLOAD).values():
        request = resource.request(UploadRequest)
        ids.add(file_id(request.node, f"{request.storage}:import/{request.name}"))
        if resource.raw_result:
            ids.add(file_id(request.node, resource.result(Uploaded).volume))
    return ids
