"""What a verification is asked to check, and how it reaches the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flakeship.model.checks import Check
from flakeship.model.fields import Word
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
    """What to check of a machine; how to reach it is the target's (`Access`)."""

    machine: str
    ports: list[Port]
    user: Word  # a state may be anybody's, and ssh has options
    identity: str  # the private key file to log in with; empty: the user's agent
    toplevel: str
    disk: int  # MiB of the root disk
    boot: int = 1  # counts the machine's starts
    checks: list[Check] = field(default_factory=list)
    deadline: float = 300.0  # seconds until it answers SSH
    addressing: Addressing = "dhcp"  # where its address comes from
    promises: Promises = field(default_factory=Promises)


@dataclass(frozen=True)
class Route:
    """An open route to a machine."""

    address: str
    ports: Mapping[int, int]  # the declared TCP ports (22 too), and the port of `address` for each
    subnet: str  # the network of the machine's own address
    own: bool = True  # all ports of `address` are the machine's
    serving: bool = False  # `address` is the stable address of the server
    # the lines for a person who logs in with these host keys; None: ssh to the address
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
