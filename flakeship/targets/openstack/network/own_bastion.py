"""What is wrong with the bastion of the settings: told by the setting, never as the server's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import SSH
from flakeship.ssh.connection import FORBIDDEN, Connection
from flakeship.ssh.errors import UnreachableError
from flakeship.system import tcp
from flakeship.targets.openstack.requests import OwnBastion
from flakeship.verify.request import Route

KNOCK = 2.0  # seconds for a bastion that may not connect to say so
KEY = "flakeship:openstack.bastion"
ALLOW = "Its sshd_config needs AllowTcpForwarding, and PermitOpen for all ports of the servers"
REMEDIES = {
    "ssh-unreachable": (
        ".address",
        "look at its address and port, and at the route to it from this workstation",
    ),
    "host-key-refused": (
        ".hostKey",
        "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the bastion itself: "
        "correct the setting where it differs, else somebody else answers at this address",
    ),
    "login-refused": (
        ".user",
        f"correct it, set {KEY}.identity to another key, or have the key authorized there",
    ),
    "login-unsigned": (
        ".identity",
        "confirm or touch the key at each login, start an agent that holds it, or set a key that "
        "needs neither",
    ),
    "login-without-key": (
        ".identity",
        "set it to a private key file, or start an agent with a key that the bastion takes",
    ),
    "identity-missing": (".identity", "name the private key file that logs in on the bastion"),
}
"""The key of the setting and the remedy, by the code of the login's failure."""


def place(bastion: OwnBastion) -> str:
    """Where it is, and who logs in."""
    return f"{bastion.user}@{tcp.bracketed(bastion.address)}:{bastion.port}"


@contextmanager
def named(bastion: OwnBastion) -> Iterator[None]:
    """Raise what fails of the login as a FlakeshipError (`bastion-…`) about the setting."""
    try:
        yield
    except FlakeshipError as error:
        key, remedy = REMEDIES.get(error.code, ("", error.remedy))
        raise FlakeshipError(
            f"the login on the bastion {place(bastion)} failed: {error.what}",
            code=f"bastion-{error.code}",
            key=f"{KEY}{key}",
            remedy=remedy,
            details=error.details,
        ) from error


@contextmanager
def reaching(login: Connection, bastion: OwnBastion, route: Route, address: str) -> Iterator[None]:
    """Tell a server that the bastion does not reach from one that does not answer.

    One that may not connect at all is refused at once. Raises FlakeshipError.
    """
    with suppress(OSError):
        tcp.exchange(route.address, route.ports[SSH], seconds=KNOCK, enough=tcp.a_line)
    if forbidden := _forbidden(login):
        raise FlakeshipError(
            f"the bastion {place(bastion)} may not connect to {address}: {forbidden}",
            code="bastion-forbids-forwarding",
            key=KEY,
            remedy=ALLOW,
        )
    try:
        yield
    except UnreachableError as error:
        said = (login.forward_faults or [""])[-1]
        if not said or said.endswith("Connection refused"):
            raise  # the bastion has connected, or the server itself has refused
        first = error.remedy or "see on the console whether the server has come up"
        raise FlakeshipError(
            f"the bastion {place(bastion)} does not reach {address}:{SSH}: {said}",
            code="bastion-without-route",
            key=error.key,
            remedy=f"{first}; the bastion needs a route to its network, and allowFrom of port "
            f"{SSH} must include the bastion's address",
            details=error.details,
        ) from error
    except FlakeshipError as error:
        if forbidden := _forbidden(login):
            line = f"The bastion may not connect to every port: {forbidden}. {ALLOW}"
            error.details = (*error.details, line)
        raise


def _forbidden(login: Connection) -> str:
    faults = (fault for fault in login.forward_faults if fault.startswith(FORBIDDEN))
    return next(faults, "")
