"""The removal of a virtual machine or template with its disks."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.answers import Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.inventory import Vm

STOPPING, REMOVING = 120.0, 600.0  # seconds
LOCKED = 40.0  # seconds: since Proxmox VE 9 a machine's clean-up holds its lock after it stopped
IN_USE = "can't lock file"


@dataclass(frozen=True)
class Status:
    """What a virtual machine does at the moment."""

    status: Words


def destroy(api: Api, vm: Vm) -> None:
    """Stop it if it runs, and remove it from everywhere; a template with linked clones stays.

    Raises FlakeshipError where it stays.
    """
    place = ("nodes", vm.node, "qemu", str(vm.id))
    # the cluster's list may lag
    if api.get(Status, *place, "status", "current").status != "stopped":
        task = api.call("POST", *place, "status", "stop")
        tasks.finish(api, task, f"the stop of {vm}", STOPPING)
    options = {"purge": 1, "destroy-unreferenced-disks": 1}
    failure: FlakeshipError | None = None
    for _ in backoff(LOCKED, first=1.0, most=5.0):
        try:
            task = api.call("DELETE", *place, **options)
            tasks.finish(api, task, f"the removal of {vm}", REMOVING)
        except FlakeshipError as error:
            if IN_USE not in error.what:
                raise
            failure = error
        else:
            return
    assert failure
    raise failure
