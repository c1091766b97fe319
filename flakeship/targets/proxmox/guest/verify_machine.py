"""The verification of a virtual machine: a new one, or once more an existing one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from functools import partial

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import SSH, tcp_numbers
from flakeship.ssh.banner import await_banner
from flakeship.ssh.errors import UnreachableError
from flakeship.targets.proxmox import find, proof
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.guest import checks, obstacles
from flakeship.targets.proxmox.guest.address import Finder, elsewhere
from flakeship.targets.proxmox.guest.console import GuestConsole
from flakeship.targets.proxmox.guest.guest import Guest, existing
from flakeship.targets.proxmox.guest.serial import Serial
from flakeship.targets.proxmox.requests import MachineEvidence, VerifyMachineRequest
from flakeship.verify import verify
from flakeship.verify.checks import addressing, inside, open_ports
from flakeship.verify.request import Route, VerifyRequest
from flakeship.verify.schedule import FACTS, ScheduledCheck
from flakeship.verify.verify import KNOCK, NOT_SERVING, VerificationContext

LEAST = 10.0  # seconds to answer SSH for a machine whose address was told at the last moment


class OwnAddress(Route):
    """The route to a machine by its own address."""

    def open(self) -> AbstractContextManager[Route]:
        """Needs nothing."""
        return nullcontext(self)


def verify_machine(request: VerifyMachineRequest, pinned: Sequence[str]) -> MachineEvidence:
    """Verify a machine as flakeship.verify does, with the checks of a cluster.

    One that was found stopped is started first. Raises FlakeshipError with the failed checks, and
    machine-replaced, machine-missing, disk-differs, machine-stopped, address-missing,
    privilege-missing.
    """
    with client.connected(login.find(request.access)) as api:
        vm = find.made(api, request.vmid, request.tags, request.machine)
        proof.compare_disk(api, vm, request.machine, request.verify.disk)
        guest = Guest(api, vm, request.tags, request.machine)
        if request.repair:
            guest.start()
        return examine(guest, request, pinned)


def verify_existing(request: VerifyMachineRequest, previous: str, stack: str) -> MachineEvidence:
    """Verify a machine again; `previous` is the result of its verification, as JSON.

    Raises FlakeshipError.
    """
    pinned = verify.pinned_keys(previous, request.machine)
    with client.connected(login.find(request.access)) as api:
        vm = existing(api, request.vmid, request.tags, request.machine)
        on_failure = (
            "This was only a check: nothing was changed. To replace it, go back to a release that "
            "works (flakeship:release), or have it created again from its template: "
            f"`qm destroy {vm.id}` on {vm.node}, then `make up STACK={stack}`."
        )
        guest = Guest(api, vm, request.tags, request.machine)
        return examine(guest, request, pinned, on_failure)


def examine(
    guest: Guest,
    request: VerifyMachineRequest,
    pinned: Sequence[str],
    on_failure: str = NOT_SERVING,
) -> MachineEvidence:
    """As verify_machine, with a login on the API."""
    begun = time.monotonic()
    with Serial(guest) as serial:
        address = request.address or _find_address(guest, serial, request, on_failure)
        numbers = {SSH, *tcp_numbers(request.verify.ports)}
        size = 128 if ":" in address else 32
        route = OwnAddress(address, {each: each for each in numbers}, f"{address}/{size}")
        console = GuestConsole(guest, serial, partial(_answers, address))

        def hint(lines: list[str]) -> list[str]:
            told = elsewhere(guest, address)
            return [*lines, *obstacles.hints(guest, console.obstacles), *told]

        context = VerificationContext(
            route,
            console,
            _checks(guest, request),
            on_failure,
            hint,
            announced_where=console.announced_where,
            # whose keys are known needs nobody to tell them
            watch=guest.watch if pinned else console.watch,
            waited=time.monotonic() - begun,
        )
        left = max(request.verify.deadline - context.waited, LEAST)
        try:
            found = verify.verify(_asked(request, left), pinned, context)
        except FlakeshipError as error:
            obstacles.explain(error, guest, console.obstacles)
            if error.code == "host-key-changed":
                # Pulumi's plugin cannot replace it: the id is taken while it is there
                error.remedy = (
                    "a changed key is never accepted. If you changed it, have another machine take "
                    f"its place: `qm destroy {guest.vmid}` on {guest.node}, then `pulumi up`"
                )
            raise
    seen = {each.name: getattr(found, each.name) for each in fields(Evidence)}
    return MachineEvidence(**seen, address=address)


def _asked(request: VerifyMachineRequest, left: float) -> VerifyRequest:
    """What is asked of the core: a static address is checked here, and not where it comes from."""
    asked = replace(request.verify, deadline=left)
    return replace(asked, addressing="none") if request.address else asked


def _checks(guest: Guest, request: VerifyMachineRequest) -> list[ScheduledCheck]:
    found = [
        ScheduledCheck("api", lambda _: checks.api(guest)),
        ScheduledCheck("port-scan", partial(open_ports.check, None, ())),
    ]
    if request.address:
        static = partial(addressing.static, request.address)
        found.append(ScheduledCheck("static-address", static, [FACTS], ("addresses",)))
    if not request.verify.promises.switch:
        left_out = partial(inside.not_promised, "switchable")
        found.append(ScheduledCheck("reactivation", left_out))
    return found


def _answers(address: str) -> bool:
    """Whether a server speaks SSH at an address."""
    try:
        await_banner(address, SSH, KNOCK)
    except UnreachableError:
        return False
    return True


def _find_address(
    guest: Guest, serial: Serial, request: VerifyMachineRequest, on_failure: str
) -> str:
    """The address that DHCP gave a machine. Raises FlakeshipError, with the console's end."""
    finder = Finder(guest, serial)
    try:
        return finder.wait(request.verify.deadline)
    except FlakeshipError as error:
        error.key = error.key or request.machine
        error.details = (
            *error.details,
            *verify.on_the_console(serial, error),
            f"{on_failure} To inspect this machine:",
            *obstacles.hints(guest, finder.obstacles),
        )
        obstacles.explain(error, guest, finder.obstacles)
        raise
