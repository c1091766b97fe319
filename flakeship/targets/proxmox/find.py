"""Finds one virtual machine by its id, wherever it is, and tells whether it is still ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.resources import marks

GONE = (
    "run `pulumi up` again: a machine that was verified gets a successor; for one that was not, "
    "run `pulumi refresh` before, which drops it from the state"
)
TAKEN = "already exists"  # what is said of an id that somebody uses
LAG = 15.0  # seconds until a cluster lists what was just made (bpg/terraform-provider-proxmox#3022)


def find(api: Api, vmid: int) -> Vm | None:
    """What has an id now; None for nothing. Raises ApiError."""
    entries = api.get(list[listed.Resource], "cluster", "resources", type="vm")
    return next((vm for vm in listed.vms(entries) if vm.id == vmid), None)


def is_free(api: Api, vmid: int) -> bool:
    """Whether nobody uses an id, as the cluster knows: what the token may not see counts too.

    Raises ApiError.
    """
    try:
        api.get(int, "cluster", "nextid", vmid=vmid)
    except ApiError as error:
        if error.status == 400 and TAKEN in error.said:
            return False
        raise
    return True


def ours(api: Api, vmid: int, tags: Sequence[str], name: str) -> Vm | None:
    """What has an id, where it carries these tags; None where it is gone.

    Raises FlakeshipError (machine-replaced) for what does not carry them: Proxmox VE gives an id
    that is free to the next one who asks (bpg/terraform-provider-proxmox#2925).
    """
    vm = find(api, vmid)
    if vm is None or vm.marks == marks(vmid, tags):
        return vm
    raise replaced(vm, tags, name)


def replaced(vm: Vm, tags: Sequence[str], name: str) -> FlakeshipError:
    """The error of an id of ours that is somebody else's now, or whose tags were changed."""
    vmid = vm.id
    return FlakeshipError(
        f"the id {vmid} is that of {vm}, which does not carry its tags",
        code="machine-replaced",
        key=name,
        given=", ".join(sorted(vm.tags)) or "no tags",
        allowed=", ".join(tags),
        remedy=f"if it is ours, put them back: `qm set {vmid} --tags '{';'.join(tags)}'` on "
        f"{vm.node}; if it is not, remove its resources from the state (`pulumi state delete`) and "
        f"add {vmid} to flakeship:proxmox.abandonedIds",
    )


def made(api: Api, vmid: int, tags: Sequence[str], name: str) -> Vm:
    """What was just made, once the cluster lists it: its tags may come to the list later.

    Raises FlakeshipError: machine-replaced, machine-missing.
    """
    own = marks(vmid, tags)
    for _ in backoff(LAG, first=0.2, most=2.0):
        vm = find(api, vmid)
        if vm is None:
            continue
        if vm.marks != own and not vm.container:
            # the configuration has them at once
            config = api.get(Config, "nodes", vm.node, "qemu", str(vmid), "config")
            listed_so = listed.words(config.tags)
            vm = replace(vm, tags=listed_so, marks=marks(vmid, listed_so))
        if vm.marks != own:
            raise replaced(vm, tags, name)
        return vm
    raise FlakeshipError(
        f"the cluster does not list its virtual machine {vmid}",
        code="machine-missing",
        key=name,
        remedy=GONE,
    )
