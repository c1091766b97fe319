"""What a verification is asked to check, and how it reaches the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flakeship.model.checks import Check
from flakeship.model.ports import SSH, Port
from flakeship.ssh.options import Endpoint, SshOptions

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


@dataclass(frozen=True)
class Route:
    """An open route to a machine.

    `ports` maps its declared TCP ports (22 too) to ports of `address`, `subnet` is the network that
    its own address belongs to. `own`: all ports of `address` are the machine's. `serving`:
    it is the server's stable address. `login` returns the lines for a person who logs in with these
    host keys; None: ssh to the address.
    """

    address: str
    ports: Mapping[int, int]
    subnet: str
    own: bool = True
    serving: bool = False
    login: Callable[[Sequence[str]], list[str]] | None = None


class Access(Protocol):
    """What opens a route to a machine, and takes away afterwards what that needed."""

    def open(self) -> AbstractContextManager[Route]:
        """Open a route. Raises FlakeshipError where none can be opened."""


def endpoint(request: VerifyRequest, route: Route) -> Endpoint:
    """Where and as whom to log in."""
    return Endpoint(
        request.machine, route.address, route.ports[SSH], request.user, request.identity
    )


def login_lines(request: VerifyRequest, route: Route, keys: Sequence[str]) -> list[str]:
    """The lines for a person who logs in with these host keys."""
    if route.login:
        return route.login(keys)
    return [f"  {SshOptions(endpoint(request, route), keys).command_line()}"]
