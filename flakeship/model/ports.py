"""The ports of a server, and the protocols that have to answer there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["tcp", "http", "ssh", "udp"]


Transport = Literal["tcp", "udp"]


def transport(protocol: Protocol) -> Transport:
    """What carries a protocol."""
    return "udp" if protocol == "udp" else "tcp"


@dataclass(frozen=True)
class Port:
    """A declared port of a server, and the protocol that has to answer there.

    A UDP port is looked at from inside alone: outside, silence says nothing of it.
    With `data` it answers only with the server's data disks, which come with the cut-over.
    """

    port: int
    protocol: Protocol = "tcp"
    data: bool = False
