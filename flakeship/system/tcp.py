"""Plain TCP: connect to a port, and read its answer."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import islice

from flakeship.model.sizes import MIB

LOOPBACK = "127.0.0.1"
MOST = MIB  # bytes of an answer that are read
# Below the ports that Linux (from 32768) and macOS (from 49152) give to clients and to those who
# ask for any: while its machine is stopped, nobody gets one of these by chance.
LASTING = range(20000, 32768)


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


def refusal(port: int) -> OSError | None:
    """Why a port of the loopback address cannot be listened on; None: it can."""
    with socket.socket() as probe:
        # As QEMU does: closed connections in TIME_WAIT do not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def is_free(port: int) -> bool:
    """Whether a port of the loopback address can be listened on."""
    return refusal(port) is None


def free_ports(count: int) -> list[int]:
    """Different free ports of the loopback address; another process may take one before its use."""
    shuffled = random.sample(LASTING, len(LASTING))
    return list(islice(filter(is_free, shuffled), count))


def bracketed(address: str) -> str:
    """An address as it is written before a port: an IPv6 one in brackets."""
    return f"[{address}]" if ":" in address else address
