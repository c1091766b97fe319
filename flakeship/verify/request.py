"""What a verification is asked to check."""

from __future__ import annotations

from dataclasses import dataclass, field

from flakeship.model.checks import Check
from flakeship.model.ports import Port


@dataclass(frozen=True)
class VerifyRequest:
    """Check a machine from outside and inside.

    `reach` maps the guest's declared ports (22 too) to ports of `address`. `identity` is the
    private key file to log in with; empty: the user's agent. `disk` is the size of the root disk.
    `deadline` is for the machine to answer SSH.
    """

    machine: str
    boot: int
    address: str
    reach: dict[int, int]
    ports: list[Port]
    console: str
    user: str
    identity: str
    toplevel: str
    subnet: str
    disk: int
    checks: list[Check] = field(default_factory=list)
    deadline: float = 300.0
