"""The removal of an orphaned resource, which must still be the one that was found."""

from __future__ import annotations

from shlex import quote

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.orphans import OwnedResource
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.owned_resources import SERVER, UPLOAD, Config, owner_of
from flakeship.targets.proxmox.resources import written

STOPPING, REMOVING = 120.0, 600.0  # seconds
LOCKED = 40.0  # seconds: since Proxmox VE 9 a machine's clean-up holds its lock after it stopped
IN_USE = "can't lock file"


def remove(api: Api, resource: OwnedResource) -> None:
    """Remove a resource for good. Raises FlakeshipError where it stays, also if it has changed."""
    if resource.kind == UPLOAD:
        node, _, volume = resource.id.partition(" ")
        place = ("nodes", node, "storage", volume.partition(":")[0], "content", volume)
        task = api.call("DELETE", *place)
        if task is not None:  # of what is removed at once
            tasks.finish(api, task, f"the removal of {volume}", REMOVING)
        return
    vm = find.find(api, int(resource.id))
    if vm is None:
        return
    _refuse_changed(api, vm, resource)
    if vm.running:
        task = api.call("POST", "nodes", vm.node, "qemu", str(vm.id), "status", "stop")
        tasks.finish(api, task, f"the stop of {vm}", STOPPING)
    _destroy(api, vm)


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


def _destroy(api: Api, vm: Vm) -> None:
    """Remove it from everywhere, with its disks; linked clones keep their template."""
    options = {"purge": 1, "destroy-unreferenced-disks": 1}
    failure: FlakeshipError | None = None
    for _ in backoff(LOCKED, first=1.0, most=5.0):
        try:
            task = api.call("DELETE", "nodes", vm.node, "qemu", str(vm.id), **options)
            tasks.finish(api, task, f"the removal of {vm}", REMOVING)
        except FlakeshipError as error:
            if IN_USE not in error.what:
                raise
            failure = error
        else:
            return
    assert failure
    raise failure
