"""`make ssh`: the command line that logs in to a server."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from flakeship.errors import FlakeshipError

Reports = Mapping[str, Mapping[str, Any]]
"""The stack's output `servers`."""


def command(servers: Reports, name: str, progress: Callable[[str], object]) -> str:
    """The command line for a server; without a name for the only one.

    Raises FlakeshipError where there is no such server, with the names of those there are.
    """
    if not servers:
        raise FlakeshipError("this stack has no server that is verified: `make up` makes one")
    if not name and len(servers) == 1:
        name = next(iter(servers))
    if name not in servers:
        names = ", ".join(servers)
        if not name:
            raise FlakeshipError(f"which server? There are {names}: `make ssh SERVER=…`")
        near = difflib.get_close_matches(name, servers, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FlakeshipError(f"{name}: there is no such server, there are {names}{hint}")
    return _through(servers, name, progress) or str(servers[name]["ssh"])


def _through(servers: Reports, name: str, progress: Callable[[str], object]) -> str:
    """Through another server of the stack, for one on a cloud that has no public address."""
    server = servers[name]
    # the target local has no jump in its reports, and needs none
    if server.get("jump", server) is not None:
        return ""
    by = next((each for each in servers.values() if each["jump"]), None)
    if by is None:
        progress(
            f"{name} has only its address inside, {server['address']}, and no server of the stack "
            "leads to it: this needs a way there, as a VPN or a floating IP on its port"
        )
        return ""
    proxy = f"ProxyCommand={by['ssh']} -W {server['address']}:22"
    *words, destination = shlex.split(server["ssh"])
    return shlex.join([*words, "-o", proxy, destination])
