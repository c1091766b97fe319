"""The proof that a template or machine was made as asked: its tags, and the size of its disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.answers import Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.requests import ProofRequest

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


def prove(request: ProofRequest) -> None:
    """Compare what was made: its tags, and the size of its root disk.

    Raises FlakeshipError: machine-replaced, machine-missing, disk-differs.
    """
    with client.connected(login.find(request.access)) as api:
        vm = find.made(api, request.vmid, request.tags, request.name)
        compare_disk(api, vm, request.name, request.disk)


def compare_disk(api: Api, vm: Vm, name: str, disk: int) -> None:
    """Refuse a root disk that has less than so many MiB: a resize may come to nothing (bpg #1909).

    Raises FlakeshipError (disk-differs).
    """
    config = api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
    if config.disk < disk:
        raise FlakeshipError(
            f"the root disk of {vm} is smaller than asked for",
            code="disk-differs",
            key=name,
            given=f"{config.disk} MiB",
            allowed=f"{disk} MiB",
            remedy=f"`qm resize {vm.id} virtio0 {disk}M` on {vm.node} grows it; then run it again",
        )
