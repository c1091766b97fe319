"""`flakeship ssh`: the command that logs in to a server."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.operate.target import nothing_verified, operator, unknown_server
from flakeship.state.stack import Stack


def command(stack: Stack, name: str = "") -> Sequence[str]:
    """The argv that logs in to a server; without a name to the only one.

    The id of a machine is a name too. Raises FlakeshipError where there is no such server.
    """
    servers = stack.outputs.servers
    if not servers:
        raise nothing_verified(stack)
    if not name and len(servers) == 1:
        name = next(iter(servers))
    if not name:
        raise FlakeshipError(
            "the stack has several servers",
            code="server-ambiguous",
            key=f"stack {stack.name}",
            allowed=", ".join(servers),
            remedy="name one of them",
        )
    argv = operator(stack).login(name)
    if argv is None:
        raise unknown_server(stack, name)
    return argv
