"""Why a machine has not told its address or its host keys, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import privileges
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.verify.console import Console

UNTOLD = ("address-missing", "host-keys-missing")
"""The failures of a machine that nothing was heard of."""


@dataclass(frozen=True)
class Obstacle:
    """Why a way to a machine has brought nothing; `denied` is the call that was forbidden."""

    way: str
    reason: str
    denied: ApiError | None = None


class SerialConsole(Console, Protocol):
    """A console, and why it shows nothing."""

    @property
    def obstacle(self) -> Obstacle:
        """As it is now."""


def hints(guest: Guest, obstacles: Sequence[Obstacle]) -> list[str]:
    """Lines for a person who looks further."""
    vmid, node = guest.vmid, guest.node
    return [
        f"  On {node}: `qm terminal {vmid}` shows its console, `qm status {vmid} --verbose` its "
        f"state, and `qm reset {vmid}` lets it boot again",
        *(f"  {each.way}: {each.reason}" for each in obstacles if each.reason),
    ]


def refuse_denied(guest: Guest, obstacles: Sequence[Obstacle], what: str) -> None:
    """Refuse to wait where no way to a machine may be used.

    Raises FlakeshipError: privilege-missing.
    """
    if all(each.denied for each in obstacles):
        raise FlakeshipError(
            f"neither its serial console nor its guest agent may be used to learn {what}",
            code="privilege-missing",
            key=guest.name,
            remedy="grant one of these on a node, as root",
            details=_grants(guest, obstacles),
        )


def explain(error: FlakeshipError, guest: Guest, obstacles: Sequence[Obstacle]) -> None:
    """Tell which privileges were missing where nothing was heard of a machine."""
    grants = _grants(guest, obstacles)
    if error.code in UNTOLD and grants:
        error.remedy = "if it is up, grant the privilege that was missing on a node, as root"
        error.details = (*grants, *error.details)


def _grants(guest: Guest, obstacles: Sequence[Obstacle]) -> list[str]:
    """The commands that grant what was missing, one for each way: of several one is enough."""
    where = f"/pool/{guest.pool}" if guest.pool else "/vms"
    missing = [each.denied.privileges[:1] for each in obstacles if each.denied]
    return [f"  {privileges.grant(guest.api.login, where, found)}" for found in missing if found]
