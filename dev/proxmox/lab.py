"""All parts of a lab together, and the way of a request through them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dev.proxmox.access import Access
from dev.proxmox.errors import PveError
from dev.proxmox.faults import Faults
from dev.proxmox.guests import Guests
from dev.proxmox.machines import Machine, Machines
from dev.proxmox.schema import Schema
from dev.proxmox.site import Site
from dev.proxmox.tasks import Log, Tasks
from dev.proxmox.terminals import Terminals
from dev.proxmox.volumes import Volumes


@dataclass(frozen=True)
class Call:
    """A request that is valid and allowed: who sent it, its parameters, and an uploaded file."""

    who: str
    given: dict[str, str]
    file: Path | None = None

    @property
    def node(self) -> str:
        """The node that it is about."""
        return self.given["node"]

    @property
    def vmid(self) -> int:
        """The VM that it is about."""
        return int(self.given["vmid"])


class Page(NamedTuple):
    """Some entries of a list."""

    data: list[Any]
    total: int


class Lab:
    """One cluster."""

    def __init__(self, site: Site, guests: Guests, fingerprint: str = "", *,
                 task_seconds: float = 0.3, restart_seconds: float = 1.0) -> None:  # fmt: skip
        self.site, self.guests, self.fingerprint = site, guests, fingerprint
        self.restart_seconds = restart_seconds
        """How long a guest that reboots is stopped."""
        self.restarts: dict[int, threading.Timer] = {}
        self.schema = Schema(site.version)
        self.access = Access(site)
        self.faults = Faults(site)
        self.tasks = Tasks(self.faults, task_seconds)
        self.volumes = Volumes(site, self.faults)
        self.machines = Machines(site, self.schema, guests)
        # 8.4.0 has pve-access-control 8.2.2, which refuses the tickets of API tokens
        self.terminals = Terminals(guests, tokens=site.version == "9.2")
        self.created: dict[int, float] = {}
        """When each VM was created, as far as this process did it."""
        self._known: set[int] = set()
        self.refresh()

    def refresh(self, known: set[int] | None = None) -> None:
        """Let `cluster/resources` know the VMs that there are, as pvestatd does at times."""
        self._known = known or {machine.vmid for machine in self.machines.every()}

    def resources(self) -> Iterator[dict[str, Any]]:
        """The entries of VMs in `cluster/resources`."""
        hidden = float(self.faults.get("hidden_seconds", 0))
        for machine in self.machines.every():
            if time.monotonic() - self.created.get(machine.vmid, -hidden) >= hidden:
                online = machine.node not in self.faults.get("offline", [])
                known = machine.vmid in self._known and online
                pool = self.access.pool_of(machine.vmid)
                yield self.machines.resource(machine, pool, known=known)

    def machine(self, call: Call) -> Machine:
        """The VM of a request. Raises PveError."""
        return self.machines.find(call.node, call.vmid)

    @contextmanager
    def changing(self, call: Call) -> Iterator[Machine]:
        """The VM of a request, which is saved at the end, and which nobody else changes."""
        with self.machines.lock(call.vmid):
            machine = self.machine(call)
            yield machine
            self.machines.save(machine)

    def answer(self, verb: str, path: str, given: Mapping[str, str], header: str,
               file: Path | None = None) -> Any:  # noqa: ANN401 # fmt: skip
        """Answer a request; `path` is what follows /api2/json. Raises PveError."""
        self.faults.request(f"{verb} {path}")
        who = self.access.identify(header)
        method, found = self.schema.find(verb, path)
        if method.check:
            self.access.check(who, method.check, {**given, **found})
        node = found.get("node", self.site.nodes[0])
        if node not in self.site.nodes:
            raise PveError(f"hostname lookup '{node}' failed - failed to get address info for: "
                           f"{node}: Name or service not known")  # fmt: skip
        if node in self.faults.get("offline", []):
            raise PveError("No route to host", 595)
        return ROUTES[method.name](self, Call(who, method.verified({**given, **found}), file))


Handler = Callable[[Lab, Call], Any]
Steps = Generator[None, Log, None]
ROUTES: dict[str, Handler] = {}
"""What answers each method of the API."""


def route(name: str) -> Callable[[Handler], Handler]:
    """Let a function answer a method."""

    def add(handler: Handler) -> Handler:
        ROUTES[name] = handler
        return handler

    return add


def task(
    name: str, kind: str, of: str = "vmid"
) -> Callable[[Callable[[Lab, Call], Steps]], Callable[[Lab, Call], Steps]]:
    """Let a method start a task of a kind, whose id is the parameter `of`.

    The function is a generator: what is before its one `yield` can refuse the request, and what is
    after it is the task's work. The `yield` returns a function that writes to the task's log.
    """

    def add(function: Callable[[Lab, Call], Steps]) -> Callable[[Lab, Call], Steps]:
        def handler(lab: Lab, call: Call) -> str:
            steps = function(lab, call)
            next(steps)

            def work(log: Log) -> None:
                with suppress(StopIteration):
                    steps.send(log)

            return lab.tasks.start(call.node, kind, call.given.get(of, ""), call.who, work,
                                   steps.throw)  # fmt: skip

        ROUTES[name] = handler
        return function

    return add
