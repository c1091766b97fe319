"""Plain TCP: what a port says when one connects to it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"

MOST = 1 << 20
"""The most bytes that are read of an answer."""


@dataclass(frozen=True)
class Reply:
    """What came back, and whether the other side closed the connection."""

    data: bytes
    closed: bool

    @property
    def first_line(self) -> str:
        """The first line of the answer as text, without its ending."""
        return self.data.partition(b"\n")[0].decode(errors="replace").strip()


def exchange(
    address: str,
    port: int,
    *,
    seconds: float,
    send: bytes = b"",
    enough: Callable[[bytes], bool] = bool,
) -> Reply:
    """Connect, send, and read until the answer is `enough`, the other side closes or time is up.

    A connection that stays open without a word is no error here. Raises OSError where the
    connection is not made within `seconds` or breaks.
    """
    end = time.monotonic() + seconds
    data = b""
    with socket.create_connection((address, port), timeout=seconds) as connection:
        if send:
            connection.sendall(send)
        while not enough(data) and len(data) < MOST:
            left = end - time.monotonic()
            if left <= 0:
                return Reply(data, closed=False)
            connection.settimeout(left)
            try:
                more = connection.recv(65536)
            except TimeoutError:
                return Reply(data, closed=False)
            if not more:
                return Reply(data, closed=True)
            data += more
    return Reply(data, closed=False)


def a_line(data: bytes) -> bool:
    """Whether a whole line has come."""
    return b"\n" in data


def free_port() -> int:
    """A free port of the loopback address; somebody else may take it before it is used."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def bracketed(address: str) -> str:
    """An address as it stands before a port: an IPv6 one in brackets."""
    return f"[{address}]" if ":" in address else address
