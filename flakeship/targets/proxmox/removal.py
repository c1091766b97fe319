"""The removal of an orphaned resource, which must still be the one that was found."""

from __future__ import annotations

from shlex import quote

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.orphans import OwnedResource
from flakeship.targets.proxmox import destroy, find, uploads
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.owned_resources import SERVER, UPLOAD, owner_of
from flakeship.targets.proxmox.resources import written


def remove(api: Api, resource: OwnedResource) -> None:
    """Remove a resource for good. Raises FlakeshipError where it stays, also if it has changed."""
    if resource.kind == UPLOAD:
        node, _, volume = resource.id.partition(" ")
        uploads.delete(api, node, volume)
    elif vm := find.find(api, int(resource.id)):
        _refuse_changed(api, vm, resource)
        destroy.destroy(api, vm)


def by_hand(resource: OwnedResource) -> str:
    """The command for root on the node that a resource is on."""
    if resource.kind == UPLOAD:
        return f"pvesm free {quote(resource.id.partition(' ')[2])}"
    stop = f"qm stop {resource.id}; " if resource.kind == SERVER else ""
    return f"{stop}qm destroy {resource.id} --purge 1"


def _refuse_changed(api: Api, vm: Vm, resource: OwnedResource) -> None:
    """Proxmox VE gives an id that is free to the next one who asks. Raises FlakeshipError."""
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    own, owner = config.marks(vm.id), resource.owner
    same = (own.stack, vm.name) == (written(owner.stack), resource.name)
    if same and owner_of(owner.stack, own) == owner:
        return
    raise FlakeshipError(
        f"the id {vm.id} is that of {vm} by now, which is not what was found",
        code="machine-replaced",
        key=resource.name,
        remedy="run it again",
    )
