"""`make ssh`: the command line that logs in to a server."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.state.stack import Stack
from flakeship.targets.openstack.requests import VerifyServerRequest

Reports = Mapping[str, Mapping[str, Any]]
"""The stack's output `servers`."""


def command(stack: Stack, name: str, progress: Callable[[str], object]) -> str:
    """The command line for a server; without a name for the only one.

    The id of a machine on a cloud is a name too, whether it is active or not. Raises FlakeshipError
    where there is no such server, with the names of those there are.
    """
    servers: Reports = stack.outputs.get("servers") or {}
    if not servers:
        raise FlakeshipError("this stack has no server that is verified: `make up` makes one")
    if not name and len(servers) == 1:
        name = next(iter(servers))
    # the target local has no machines beside the active ones
    name = next((each for each in servers if servers[each]["machine"] == name), name)
    if name not in servers:
        if way := _machine(stack, servers, name):
            return way
        names = ", ".join(servers)
        if not name:
            raise FlakeshipError(f"which server? There are {names}: `make ssh SERVER=…`")
        near = difflib.get_close_matches(name, servers, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FlakeshipError(f"{name}: there is no such server, there are {names}{hint}")
    return _through(servers, name, progress) or str(servers[name]["ssh"])


def _machine(stack: Stack, servers: Reports, name: str) -> str:
    """Through an active server to an older machine, or one that is not switched over to yet.

    One that has not passed its verification has no pinned host key: OpenSSH asks about its key.
    """
    there = {each["urn"].rpartition("::")[2]: each for each in stack.resources}
    port = there.get(f"port-{name}")
    by = _way(servers)
    if port is None or by is None:
        return ""
    own = there.get(f"verification-{name}")
    alike = own or there[f"verification-{by['machine']}"]
    request = parse(VerifyServerRequest, alike["inputs"]["stdin"]).verify
    keys = parse(Evidence, own["outputs"]["stdout"]).host_keys if own else []
    address = next(each for each in port["outputs"]["allFixedIps"] if ":" not in each)
    here = Endpoint(name, address, 22, request.user, request.identity)
    return by_hand(here, keys, f"{by['ssh']} -W {address}:22")


def _way(servers: Reports) -> Mapping[str, Any] | None:
    """A server that others can be reached through."""
    return next((each for each in servers.values() if each.get("jump")), None)


def _through(servers: Reports, name: str, progress: Callable[[str], object]) -> str:
    """Through another server of the stack, for one on a cloud that has no public address."""
    server = servers[name]
    # the target local has no jump in its reports, and needs none
    if server.get("jump", server) is not None:
        return ""
    by = _way(servers)
    if by is None:
        progress(
            f"{name} has only its address inside, {server['address']}, and no server of the stack "
            "leads to it: this needs a way there, as a VPN or a floating IP on its port"
        )
        return ""
    proxy = f"ProxyCommand={by['ssh']} -W {server['address']}:22"
    *words, destination = shlex.split(server["ssh"])
    return shlex.join([*words, "-o", proxy, destination])
