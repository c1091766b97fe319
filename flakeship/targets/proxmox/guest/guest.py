"""One virtual machine: where it is, whether it runs, and letting it run again."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import find, power
from flakeship.targets.proxmox.api.answers import Flag, Number, Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.inventory import Vm

log = logging.getLogger(__name__)

PACE = 2.0  # seconds between two looks at a machine that is waited for
STARTING = 120.0  # seconds for a start: high availability does it when its turn comes
HALTED = {
    "io-error": "QEMU has stopped it: its disk could not be written, so the storage may be full",
    "internal-error": "QEMU has stopped it after an error of its own",
    "guest-panicked": "its kernel has panicked",
    "paused": "it is paused",
}
"""What QEMU's states mean in which a process runs, and the machine does not."""

T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """The answer of `status/current`; `maxmem` is in bytes."""

    status: Words
    qmpstatus: Words = ""
    lock: Words = ""
    tags: Words = ""
    template: Flag = False
    cpus: Number | None = None
    maxmem: Number = 0


def existing(api: Api, vmid: int, tags: Sequence[str], name: str) -> Vm:
    """What has an id, and carries these tags. Raises FlakeshipError where it is not so."""
    if found := find.ours(api, vmid, tags, name):
        return found
    raise FlakeshipError(
        f"its virtual machine {vmid} has been removed",
        code="machine-missing",
        key=name,
        remedy=find.GONE,
    )


class Guest:
    """A machine by its id; `node` is where it was seen last: people and HA move machines."""

    def __init__(self, api: Api, vm: Vm, tags: Sequence[str], name: str) -> None:
        self.api, self.vmid, self.name, self.tags = api, vm.id, name, tags
        self.node, self.pool = vm.node, vm.pool
        self._next = 0.0

    @property
    def path(self) -> tuple[str, ...]:
        """The beginning of the path of every call."""
        return ("nodes", self.node, "qemu", str(self.vmid))

    def get(self, kind: type[T], *path: str, **query: str | int) -> T:
        """As Api.get, below its path."""
        return self.api.get(kind, *self.path, *path, **query)

    def status(self) -> Status:
        """Its state now. Raises ApiError."""
        return self.get(Status, "status", "current")

    def watch(self) -> None:
        """Look after it, if it is time. What may pass in a moment is no reason to give it up.

        Raises FlakeshipError: machine-stopped, machine-missing, machine-replaced; and ApiError.
        """
        if time.monotonic() < self._next:
            return
        try:
            status = self.status()
        except ApiError as error:
            if error.gone:
                self._look_for_it()
            elif not error.passing:
                raise
        else:
            self._refuse_stopped(status)
        self._next = time.monotonic() + PACE

    def start(self) -> None:
        """Let a machine run that was stopped. Raises FlakeshipError."""
        if self.status().status == "running":
            return
        log.info("%s: is stopped; starting it on %s", self.name, self.node)
        power.switch(self.api, self.node, self.vmid, "start", what=self.name, seconds=STARTING)

    def _look_for_it(self) -> None:
        self.node = existing(self.api, self.vmid, self.tags, self.name).node

    def _refuse_stopped(self, status: Status) -> None:
        why = HALTED.get(status.qmpstatus, "")
        if status.status == "running" and not why:
            return
        again = "resume" if why else "start"
        raise FlakeshipError(
            why or f"its virtual machine {self.vmid} is {status.status} on {self.node}",
            code="machine-stopped",
            key=self.name,
            given=f"locked by {status.lock}" if status.lock else "",
            remedy=f"`qm {again} {self.vmid}` on {self.node} lets it run, and so does `pulumi up`"
            if not why
            else f"mend that, and `qm {again} {self.vmid}` on {self.node}",
        )
