"""Plain TCP: connect to a port, and read its answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from flakeship.model.sizes import MIB

LOOPBACK = "127.0.0.1"
MOST = MIB  # bytes of an answer that are read


@dataclass(frozen=True)
class Reply:
    """An answer, and whether the other side closed the connection."""

    data: bytes
    closed: bool

    @property
    def first_line(self) -> str:
        """As text, without its ending."""
        return self.data.partition(b"\n")[0].decode(errors="replace").strip()


def unsecured(connection: socket.socket) -> socket.socket:
    """The connection as it is, without TLS."""
    return connection


def exchange(
    address: str,
    port: int,
    *,
    seconds: float,
    send: bytes = b"",
    enough: Callable[[bytes], bool] = bool,
    secured: Callable[[socket.socket], socket.socket] = unsecured,
) -> Reply:
    """Connect, send, and read until the answer is `enough`, the other side closes or time is up.

    `secured` puts TLS over the connection. Silence is no error. Raises OSError where there is no
    connection within `seconds`, or it breaks.
    """
    end = time.monotonic() + seconds
    data = b""
    with ExitStack() as opened:
        plain = opened.enter_context(socket.create_connection((address, port), timeout=seconds))
        connection = opened.enter_context(secured(plain))
        if send:
            connection.sendall(send)
        with suppress(TimeoutError):
            while not enough(data) and len(data) < MOST and (left := end - time.monotonic()) > 0:
                connection.settimeout(left)
                more = connection.recv(65536)
                if not more:
                    return Reply(data, closed=True)
                data += more
    return Reply(data, closed=False)


def a_line(data: bytes) -> bool:
    """Whether there is a whole line."""
    return b"\n" in data


def free_ports(count: int) -> list[int]:
    """Different free ports of the loopback address; another process may take one before its use."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def bracketed(address: str) -> str:
    """An address as it is written before a port: an IPv6 one in brackets."""
    return f"[{address}]" if ":" in address else address
