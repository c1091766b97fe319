"""How a verification reaches a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from flakeship.model.ports import SSH
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.verify.request import VerifyRequest


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
