"""Waits until a server speaks SSH, by its first line: that costs next to nothing on either side.

A connection may stay silent for ever: QEMU accepts for a guest whose network is not up yet, and a
network drops what a machine is not there to answer. So another one is opened beside it. They become
fewer with time, for sshd locks out an address that leaves without a login more than once a second.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable

from flakeship.ssh.errors import UnreachableError

SILENT, MOST = 0.25, 1.0  # seconds until another connection is opened beside silent ones
REFUSED, MOST_REFUSED = 0.1, 0.4  # seconds after a refused one, which costs the machine nothing
GROWTH = 1.5  # of both pauses
KEPT = 3  # silent ones: a busy sshd answers late, but dropbear has five of an address at most
BEGIN = b"SSH-"
SHOWN = 60  # bytes of another answer
OPEN = "the port is open, but no SSH server answers"


def await_banner(
    address: str, port: int, seconds: float, seen: Callable[[str], object] = str
) -> None:
    """Return as soon as the server speaks SSH.

    `seen` is called with what is wrong, again and again. Raises UnreachableError with that after
    `seconds`.
    """
    started = now = due = time.monotonic()
    end, silent, refused, wrong = started + seconds, SILENT, REFUSED, ""
    connections = _Connections(address, port)
    try:
        while now < end:
            if now >= due:
                wrong = connections.open() or wrong
                due, silent = now + silent, min(silent * GROWTH, MOST)
            for ended in connections.heard(min(due, end) - now):
                wrong = connections.fault(ended)
                if not wrong:
                    return
                due, refused = time.monotonic() + refused, min(refused * GROWTH, MOST_REFUSED)
            now = time.monotonic()
            seen(wrong)
        raise UnreachableError(wrong or connections.silence(seconds))
    finally:
        connections.close()


class _Connections:
    """Connections to one server that have brought nothing yet, the oldest first."""

    def __init__(self, address: str, port: int) -> None:
        self._at = address, port
        self._turn = 0
        self._opened: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()

    def close(self) -> None:
        """Close all."""
        for each in self._opened:
            each.close()
        self._selector.close()

    def open(self) -> str:
        """Open one more, to the next address of a name; what is wrong, where that cannot be.

        Of many the oldest ends. Raises UnreachableError for a name without an address.
        """
        if len(self._opened) == KEPT:
            self._end(self._opened[0])
        try:
            found = socket.getaddrinfo(*self._at, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UnreachableError(f"{error.strerror or error}") from error
        family, kind, _, _, address = found[self._turn % len(found)]
        self._turn += 1
        try:
            connection = socket.socket(family, kind)
        except OSError as error:  # of a family that this machine does not have
            return error.strerror or str(error)
        connection.setblocking(False)
        self._opened.append(connection)
        self._selector.register(connection, selectors.EVENT_READ)
        code = connection.connect_ex(address)
        if code in (0, errno.EINPROGRESS):
            return ""
        self._end(connection)
        return os.strerror(code)

    def heard(self, seconds: float) -> list[socket.socket]:
        """Those that have brought something after that time or sooner, or have ended."""
        ready = {key.fd for key, _ in self._selector.select(max(seconds, 0.0))}
        return [each for each in self._opened if each.fileno() in ready]

    def fault(self, connection: socket.socket) -> str:
        """What is wrong with one that was heard, which ends; empty where a server speaks SSH."""
        try:
            data = connection.recv(SHOWN)
        except OSError as error:
            return error.strerror or str(error)
        finally:
            self._end(connection)
        if data and BEGIN.startswith(data[: len(BEGIN)]):
            return ""
        return f"{OPEN}: it {f'says {data!r}' if data else 'closed the connection'}"

    def silence(self, seconds: float) -> str:
        """What is wrong where none has ended."""
        accepted = any(map(_connected, self._opened))
        return f"{OPEN}: silence for {seconds:.0f} s" if accepted else "timed out"

    def _end(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._opened.remove(connection)
        connection.close()


def _connected(connection: socket.socket) -> bool:
    try:
        connection.getpeername()
    except OSError:
        return False
    return True
