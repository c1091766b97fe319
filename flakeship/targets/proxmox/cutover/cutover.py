"""Makes a verified machine the active one of its server, and takes that back."""

from __future__ import annotations

import logging

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.machine import MachineId
from flakeship.targets.proxmox.cutover import guest, service_address
from flakeship.targets.proxmox.requests import Cutover, CutoverRequest, DnsRecord

log = logging.getLogger(__name__)


def cut_over(request: CutoverRequest, previous: str) -> Cutover:
    """Let the service address or the name of a server lead to a machine, or nothing but its own.

    `previous` is the JSON of the last Cutover, empty for the first one. For the machine that is
    active already, what was lost is restored. Raises FlakeshipError: what leads to the former
    machine does so still, but for `rollback-failed`.
    """
    last = codec.parse(Cutover, previous) if previous else None
    active = request.active
    if request.dns:
        from flakeship.targets.proxmox.cutover import records  # noqa: PLC0415

        records.point(request.dns, _owner(request), active.address)
        log.info("%s: %s leads to %s", request.server, request.dns.name, active.machine)
    service_address.move(request, last)
    if last and last.dns and not _same_name(last.dns, request.dns):
        _withdraw(request, last.dns)
    return Cutover(active, request.service_address, request.dns, [_reached(request)])


def remove(request: CutoverRequest, previous: str) -> None:
    """Remove the name of a server that goes; its service address goes with its machine."""
    last = codec.parse(Cutover, previous) if previous else None
    if dns := last.dns if last else request.dns:
        _withdraw(request, dns)


def check_active(cutover: Cutover) -> str:
    """Evidence that a server is reached at its active machine. Raises FlakeshipError."""
    active, address = cutover.active, cutover.service_address.partition("/")[0]
    server = MachineId.parse(active.machine).server
    again = f"`pulumi up --replace '**:Cutover::{server}'`"
    if cutover.dns:
        from flakeship.targets.proxmox.cutover import records  # noqa: PLC0415

        return records.check(cutover.dns, active.address, f"{again} writes it anew")
    if not address:
        return f"{active.address}, the address of {active.machine} itself"
    with guest.login(active) as shell:
        shown = guest.show(shell, active.machine)
    if shown.stored != cutover.service_address or not shown.mac:
        raise FlakeshipError(
            f"it has {shown.stored or 'no service address'}, and should have "
            f"{cutover.service_address}",
            code="service-address-lost",
            key=active.machine,
            remedy=f"{again} gives it back",
        )
    # nobody else has the host key that a login asks for
    with guest.login(active, address):
        pass
    return f"{address} on {active.machine}, {shown.mac}"


def _withdraw(request: CutoverRequest, dns: DnsRecord) -> None:
    from flakeship.targets.proxmox.cutover import records  # noqa: PLC0415

    if records.withdraw(dns, _owner(request)):
        log.info("%s: %s is removed", request.server, dns.name)
    else:
        log.warning("%s: %s is left as it is: it is not this server's", request.server, dns.name)


def _owner(request: CutoverRequest) -> str:
    return f"flakeship {request.stack} {request.server}"


def _same_name(one: DnsRecord, other: DnsRecord | None) -> bool:
    """Whether both are one name of one zone, whichever server takes its updates."""
    return other is not None and (one.name, one.zone) == (other.name, other.zone)


def _reached(request: CutoverRequest) -> str:
    return request.service_address.partition("/")[0] or request.active.address
