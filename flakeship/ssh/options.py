"""The command line of OpenSSH for one machine: pinned host keys, no configuration of the user."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.ssh import host_keys

HANDSHAKE = 20
"""Seconds for one key exchange and login: ten slow guests may share two cores."""


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to log in. `name` identifies the machine (HostKeyAlias).

    `identity` is a private key file; empty: the user's agent and default keys.
    """

    name: str
    address: str
    port: int
    user: str
    identity: str = ""


def arguments(endpoint: Endpoint, keys: Sequence[str], known_hosts: Path) -> list[str]:
    """`ssh` and the options that all its uses share: no prompt, no configuration, pinned keys."""
    settings = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": endpoint.name,
        "HostKeyAlgorithms": host_keys.algorithms(keys),
        "UpdateHostKeys": "no",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": HANDSHAKE,
        "ServerAliveInterval": 10,
        "ServerAliveCountMax": 3,
    }
    argv = ["ssh", "-F", "/dev/null", "-T", "-p", str(endpoint.port)]
    if endpoint.identity:
        argv += ["-i", endpoint.identity, "-o", "IdentitiesOnly=yes"]
    for name, value in settings.items():
        argv += ["-o", f"{name}={value}"]
    return argv


def by_hand(endpoint: Endpoint, keys: Sequence[str], proxy: str = "") -> str:
    """A command line to look at a machine oneself that trusts only its pinned key.

    `proxy` is a command whose input and output are the connection (ProxyCommand).
    """
    argv = ["ssh", "-F", "/dev/null", "-p", str(endpoint.port)]
    if endpoint.identity:
        argv += ["-i", endpoint.identity, "-o", "IdentitiesOnly=yes"]
    argv += ["-o", f"HostKeyAlias={endpoint.name}"]
    if keys:
        argv += [
            *("-o", f"HostKeyAlgorithms={host_keys.algorithms(keys[:1])}"),
            *("-o", f"KnownHostsCommand=/usr/bin/env echo {endpoint.name} {keys[0]}"),
            *("-o", "UserKnownHostsFile=/dev/null"),
        ]
    if proxy:
        argv += ["-o", f"ProxyCommand={proxy}"]
    return shlex.join([*argv, f"{endpoint.user}@{endpoint.address}"])
