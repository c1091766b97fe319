"""The proof that a template or machine was made as asked: its tags, and the size of its disk."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import find
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.devices import ROOT_DISK
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.requests import ProofRequest


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
            remedy=f"`qm resize {vm.id} {ROOT_DISK} {disk}M` on {vm.node} grows it; then run it "
            "again",
        )
