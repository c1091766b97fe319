"""Whose a virtual machine or template is: before it is made, and when it is removed.

Pulumi's plugin removes by node and id alone. Proxmox VE gives an id that is free to the next one
who asks (bpg/terraform-provider-proxmox#2925), and people and HA move machines; one that is gone
is a failure to the plugin. So the removal is done here: of what still carries our tags, wherever it
is. The resource of the plugin only leaves the state (`deleted_with`).

It comes before that resource, so that a creation that fails in the middle leaves nothing that
nobody removes; and the plugin never gets to see an id that somebody else has taken meanwhile: where
it sends a request again, it would take their machine for its own.
"""

from __future__ import annotations

from dataclasses import replace

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import destroy, find
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.requests import OwnershipRequest
from flakeship.targets.proxmox.resources import described, marks


def claim(request: OwnershipRequest) -> None:
    """Refuse an id that somebody else has by now. Raises FlakeshipError (id-taken)."""
    with client.connected(login.find(request.access)) as api:
        vm = find.find(api, request.vmid)
        if vm is None or _is_ours(api, vm, request):
            return
        raise FlakeshipError(
            f"the id {vm.id} was free when this run was planned, and is that of {vm} now",
            code="id-taken",
            key=request.name,
            remedy="nothing was changed of it: run `pulumi up` again, which takes another id",
        )


def remove(request: OwnershipRequest) -> None:
    """Remove it, if it is there. Raises FlakeshipError where it is somebody else's now."""
    with client.connected(login.find(request.access)) as api:
        vm = find.find(api, request.vmid)
        if vm is None:
            return
        if not _is_ours(api, vm, request):
            raise find.replaced(vm, request.tags, request.name)
        destroy.destroy(api, vm)


def _is_ours(api: Api, vm: Vm, request: OwnershipRequest) -> bool:
    """Whether it carries our tags or, where a clone has not got that far, is as it was made.

    A clone has its name and description at once, and the tags of its template until it gets its
    own, which are a copy's.
    """
    own = marks(vm.id, request.tags)
    if vm.marks == own:
        return True
    if vm.marks.stack or vm.container:
        return False
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    if config.marks(vm.id).stack != own.stack or config.name != request.name:
        return False
    return replace(described(vm.id, config.description), checkout="", template=0) == own
