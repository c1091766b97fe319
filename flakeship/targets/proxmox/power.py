"""Starts and stops a virtual machine, and waits until it has."""

from __future__ import annotations

from typing import Literal

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox.api import tasks
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.own_words import Current

WANTED = {"start": "running", "stop": "stopped"}


def switch(
    api: Api, node: str, vmid: int, action: Literal["start", "stop"], *, what: str, seconds: float
) -> None:
    """Start or stop a virtual machine; `what` it is names it in errors.

    Raises FlakeshipError: those of tasks.finish, and machine-hangs where it is as it was.
    """
    place, wanted = ("nodes", node, "qemu", str(vmid), "status"), WANTED[action]
    task = api.call("POST", *place, action)
    tasks.finish(api, task, f"the {action} of {what}", seconds)
    # with high availability the task has only asked for it
    for _ in backoff(seconds, first=0.2, most=2.0):
        if api.get(Current, *place, "current").status == wanted:
            return
    raise FlakeshipError(
        f"its {action} has ended well, and it is not {wanted} after {seconds:.0f} s",
        code="machine-hangs",
        key=what,
        remedy=f"`qm status {vmid}` on {node}, and `ha-manager status` where high availability "
        "manages it, show why; then run it again",
    )
