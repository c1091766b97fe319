"""The proof that a virtual machine or template is ours: when it is made, and when it is removed.

Pulumi's plugin removes by node and id alone. Proxmox VE gives an id that is free to the next one
who asks (bpg/terraform-provider-proxmox#2925), and people and HA move machines; one that is gone
is a failure to the plugin. So the removal is done here: of what still carries our tags, wherever it
is. The resource of the plugin only leaves the state (`deleted_with`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.targets.proxmox import destroy, find
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.answers import Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.requests import OwnershipRequest

UNITS = {"K": 1024, "M": MIB, "G": 1024 * MIB, "T": 1024 * 1024 * MIB}
SIZE = re.compile(r"(?:^|,)size=([0-9]+)([KMGT]?)(?:,|$)")


@dataclass(frozen=True)
class Config:
    """The configuration of a virtual machine: its root disk."""

    virtio0: Words = ""

    @property
    def disk(self) -> int:
        """The size of the root disk in MiB; 0 where there is none."""
        found = SIZE.search(self.virtio0)
        return int(found[1]) * UNITS.get(found[2], 1) // MIB if found else 0


def prove(request: OwnershipRequest) -> None:
    """Compare what was made: its tags, and the size of its root disk.

    Raises FlakeshipError: machine-replaced, machine-missing, disk-differs.
    """
    with client.connected(login.find(request.access)) as api:
        vm = find.made(api, request.vmid, request.tags, request.name)
        _compare_disk(api, vm, request)


def remove(request: OwnershipRequest) -> None:
    """Remove it, if it is there. Raises FlakeshipError where it is somebody else's now."""
    with client.connected(login.find(request.access)) as api:
        if vm := find.ours(api, request.vmid, request.tags, request.name):
            destroy.destroy(api, vm)


def _compare_disk(api: Api, vm: Vm, request: OwnershipRequest) -> None:
    """Refuse a disk that is not as large as asked for: a resize may come to nothing (bpg #1909)."""
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    if config.disk < request.disk:
        raise FlakeshipError(
            f"the root disk of {vm} is smaller than asked for",
            code="disk-differs",
            key=request.name,
            given=f"{config.disk} MiB",
            allowed=f"{request.disk} MiB",
            remedy=f"`qm config {vm.id}` on {vm.node} shows it; `pulumi up` with --replace makes "
            "it anew",
        )
