"""What a verification is asked to check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from flakeship.model.checks import Check
from flakeship.model.ports import Port

Addressing = Literal["dhcp", "static", "none"]


@dataclass(frozen=True)
class Promises:
    """What a host promises beyond its ports: `nix` builds in it, `switch` activates its release."""

    nix: bool = True
    switch: bool = True


@dataclass(frozen=True)
class VerifyRequest:
    """What to check of a machine; how to reach it is the target's (`Access`).

    `boot` counts the machine's starts. `identity` is the private key file to log in with; empty:
    the user's agent. `disk` is the size of the root disk in MiB, `deadline` the seconds until the
    machine answers SSH. `addressing` is where its address comes from.
    """

    machine: str
    ports: list[Port]
    user: str
    identity: str
    toplevel: str
    disk: int
    boot: int = 1
    checks: list[Check] = field(default_factory=list)
    deadline: float = 300.0
    addressing: Addressing = "dhcp"
    promises: Promises = field(default_factory=Promises)
