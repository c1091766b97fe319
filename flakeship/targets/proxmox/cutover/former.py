"""The machine that had the service address before: reached over SSH, or else through the API."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

from flakeship.model.errors import FlakeshipError
from flakeship.ssh.errors import HostKeyRefusedError, LoginRefusedError, UnreachableError
from flakeship.targets.proxmox import find, listed, power
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.cutover import guest
from flakeship.targets.proxmox.listed import NoNodeName
from flakeship.targets.proxmox.own_words import Current, hardware
from flakeship.targets.proxmox.requests import ActiveMachine, CutoverRequest

log = logging.getLogger(__name__)

SECONDS = 60.0  # until a machine is stopped, or runs again
STOPPED = "stopped"
UNREACHABLE = "former-machine-unreachable"


@dataclass(frozen=True)
class Former:
    """How a machine can be made to give an address away.

    `shell` is a login on it. Without one it runs on `node`, or else is gone, stopped, or somebody
    else's by now: then there is no node. `macs` are its MAC addresses.
    """

    machine: ActiveMachine
    shell: guest.Shell | None = None
    node: NoNodeName = ""
    macs: frozenset[str] = field(default_factory=frozenset)

    def release(self, request: CutoverRequest) -> None:
        """Take the service address off it; where it runs and cannot be reached, stop it.

        Raises FlakeshipError (`former-machine-unreachable`) for one that cannot be stopped.
        """
        if self.shell:
            guest.drop(self.shell, self.machine.machine)
        elif self.node:
            try:
                with client.connected(login.find(request.access)) as api:
                    _stop(api, self)
            except FlakeshipError as error:
                raise FlakeshipError(
                    f"it may have the service address, and could not be stopped: {error.what}; the "
                    "address would be on two machines, so nothing was moved",
                    code=UNREACHABLE,
                    key=_name(self.machine),
                    remedy=error.remedy or "stop it on its node (`qm stop`), and run it again",
                    details=error.details,
                ) from error

    def take_back(self, request: CutoverRequest, address: str, *, certain: bool) -> None:
        """Give it the address again: after a start it takes it by itself, if nobody answers.

        Unless it is `certain` that no other machine has it, it is asked for.
        """
        if self.shell:
            if not certain:
                answer = guest.ask(self.shell, self.machine.machine, address)
                if answer not in {guest.FREE, guest.HERE}:
                    raise in_use(address, answer, "it is not given back to the former machine")
            guest.take(self.shell, self.machine.machine, address)
        elif self.node:
            with client.connected(login.find(request.access)) as api:
                _power(api, self, "start")


def reach(request: CutoverRequest, machine: ActiveMachine, opened: ExitStack) -> Former:
    """Log in to a former machine, or find out through the API what became of it."""
    try:
        shell = opened.enter_context(guest.login(machine))
    except (UnreachableError, LoginRefusedError, HostKeyRefusedError) as error:
        log.info("%s: no login (%s); asking Proxmox VE about it", machine.machine, error.what)
        with client.connected(login.find(request.access)) as api:
            return _found(api, machine)
    shown = guest.show(shell, machine.machine)
    return Former(machine, shell, macs=frozenset(filter(None, [shown.mac])))


def in_use(address: str, mac: str, outcome: str) -> FlakeshipError:
    """The error of an address that somebody else answers for."""
    return FlakeshipError(
        f"{mac} answers for it; {outcome}",
        code="address-in-use",
        key=address,
        remedy="find the machine with this MAC address (`ip neigh` on a router, or the hardware "
        "of the virtual machines) and take the address off it, or choose another serviceAddress",
    )


def _found(api: Api, machine: ActiveMachine) -> Former:
    """What Proxmox VE says of a machine; its list may be behind, so it only tells the node."""
    name, vm = _name(machine), find.find(api, machine.vmid)
    if vm is None or vm.container:
        log.info("%s does not exist any more", name)
        return Former(machine)
    try:
        return there(api, machine, vm.node)
    except ApiError as error:
        if error.code != "node-unreachable":
            raise
        raise FlakeshipError(
            f"its node {vm.node} does not answer, so it may run and have the service address; "
            "nothing was moved",
            code=UNREACHABLE,
            key=name,
            remedy=f"start {vm.node}; or, where it is off for good, remove it from the cluster "
            f"(`pvecm delnode {vm.node}`), and its machines with it",
        ) from error


def there(api: Api, machine: ActiveMachine, node: str) -> Former:
    """What is on a node: without a node where it does not run, or has not the machine's tags."""
    place = ("nodes", node, "qemu", str(machine.vmid))
    config = api.get(dict[str, object], *place, "config")
    tags = set(listed.words(str(config.get("tags", ""))))
    if not machine.tags or not set(machine.tags) <= tags:
        log.info("%s does not exist any more: another machine has its id", _name(machine))
        return Former(machine)
    if api.get(Current, *place, "status", "current").status == STOPPED:
        log.info("%s is stopped; it asks for the address when it starts", _name(machine))
        return Former(machine)
    return Former(machine, node=node, macs=hardware(config))


def _stop(api: Api, former: Former) -> None:
    if not (found := _found(api, former.machine)).node:
        return
    _power(api, found, "stop")
    log.warning(
        "%s was stopped: there is no login on it, and it would have kept the service address",
        _name(former.machine),
    )


def _power(api: Api, former: Former, action: Literal["start", "stop"]) -> None:
    what, vmid = _name(former.machine), former.machine.vmid
    power.switch(api, former.node, vmid, action, what=what, seconds=SECONDS)


def _name(machine: ActiveMachine) -> str:
    return f"{machine.machine} ({machine.vmid})"
