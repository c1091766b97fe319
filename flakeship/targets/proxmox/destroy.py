"""The removal of a virtual machine or template with its disks."""

from __future__ import annotations

import re

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox import power
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.devices import CLOUD_INIT, ROOT_DISK
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.own_words import Current

STOPPING, REMOVING = 120.0, 600.0  # seconds
LOCKED = 40.0  # seconds: since Proxmox VE 9 a machine's clean-up holds its lock after it stopped
IN_USE = "can't lock file"
DISK = re.compile("(?:ide|sata|scsi|virtio)[0-9]+")
OWN = frozenset({ROOT_DISK, CLOUD_INIT})
NO_DISK = re.compile(r"media=cdrom|^none(?:,|$)")


def destroy(api: Api, vm: Vm) -> None:
    """Stop it if it runs, and remove it from everywhere; a template with linked clones stays.

    Raises FlakeshipError where it stays: machine-protected, disks-foreign, and those of the calls.
    """
    place = ("nodes", vm.node, "qemu", str(vm.id))
    _refuse_kept(api, vm)
    # the cluster's list may lag
    if api.get(Current, *place, "status", "current").status != "stopped":
        power.switch(api, vm.node, vm.id, "stop", what=str(vm), seconds=STOPPING)
    failure: FlakeshipError | None = None
    for _ in backoff(LOCKED, first=1.0, most=5.0):
        try:
            task = api.call("DELETE", *place, purge=1)
            tasks.finish(api, task, f"the removal of {vm}", REMOVING)
        except FlakeshipError as error:
            if IN_USE not in error.what:
                raise
            failure = error
        else:
            return
    assert failure
    raise failure


def _refuse_kept(api: Api, vm: Vm) -> None:
    """Refuse what a person has protected, or given a disk of their own, while it still runs."""
    config = api.get(dict[str, object], "nodes", vm.node, "qemu", str(vm.id), "config")
    if str(config.get("protection", "0")) == "1":
        raise FlakeshipError(
            "is protected against removal",
            code="machine-protected",
            key=str(vm),
            remedy=f"`qm set {vm.id} --protection 0` on {vm.node} allows it",
        )
    others = sorted(
        name
        for name, value in config.items()
        if DISK.fullmatch(name) and name not in OWN and not NO_DISK.search(str(value))
    )
    if others:
        raise FlakeshipError(
            f"has disks that it was not made with, and that would go with it: {', '.join(others)}",
            code="disks-foreign",
            key=str(vm),
            remedy=f"move them to another machine (`qm disk move {vm.id} <disk> --target-vmid "
            f"<id>`), or remove them (`qm disk unlink {vm.id} --idlist <disk>`) on {vm.node}",
        )
