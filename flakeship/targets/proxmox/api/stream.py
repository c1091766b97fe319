"""A websocket to an API: over a connection with the same trust and the same proxy as a call's.

It has no threads of its own: before Python 3.13 one that reads from a TLS connection and one that
writes to it get into each other's way, and websockets' own client has both.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flakeship.targets.proxmox.api import client, connection, errors
from flakeship.targets.proxmox.api.login import Login

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

ALIVE = 20.0  # seconds without a word from us after which a proxy may forget a connection
BLOCK = 65536


class ClosedError(Exception):
    """The other side has ended it."""


class Websocket:
    """One websocket, once it is open."""

    def __init__(self, connection: socket.socket, protocol: ClientProtocol) -> None:
        self._connection, self._protocol = connection, protocol
        self._sent_at = 0.0

    def send(self, text: str) -> None:
        """Send a message. Raises OSError."""
        self._protocol.send_text(text.encode())
        self.flush()

    def received(self, seconds: float) -> bytes:
        """What has come in this time, maybe nothing. Raises ClosedError, and OSError."""
        from websockets.frames import DATA_OPCODES, Frame
        from websockets.protocol import State

        if time.monotonic() - self._sent_at > ALIVE:
            self._protocol.send_ping(b"")
            self.flush()
        self.read(seconds)
        events = self._protocol.events_received()
        frames = [each for each in events if isinstance(each, Frame)]
        found = b"".join(bytes(each.data) for each in frames if each.opcode in DATA_OPCODES)
        if not found and self._protocol.state is not State.OPEN:
            raise ClosedError
        return found

    def read(self, seconds: float) -> None:
        """Take in what comes in this time, and answer what is to be answered. Raises OSError."""
        self._connection.settimeout(seconds)
        with suppress(TimeoutError):
            if data := self._connection.recv(BLOCK):
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self.flush()

    def flush(self) -> None:
        """Send what is to be sent. Raises OSError."""
        self._connection.settimeout(client.SILENCE)
        for data in filter(None, self._protocol.data_to_send()):
            self._connection.sendall(data)
        self._sent_at = time.monotonic()


@contextmanager
def opened(login: Login, *path: str, **query: str | int) -> Iterator[Websocket]:
    """A websocket at the parts of a path, which ends with the block.

    Raises ApiError and FlakeshipError as a call does.
    """
    from websockets.client import ClientProtocol
    from websockets.exceptions import InvalidHandshake, InvalidState, InvalidStatus
    from websockets.uri import parse_uri

    host, where = urlsplit(login.endpoint).netloc, client.path_of(path)
    shown = f"GET {where}"
    with closing(_secured(login, shown)) as secured, client.failures(shown, login):
        protocol = ClientProtocol(parse_uri(f"wss://{host}{where}?{urlencode(query)}"))
        found = Websocket(secured, protocol)
        request = protocol.connect()
        request.headers["Authorization"] = f"PVEAPIToken={login.token}"
        protocol.send_request(request)
        found.flush()
        try:
            _await_answer(found, protocol)
        except InvalidStatus as error:
            status, reason = error.response.status_code, error.response.reason_phrase
            raise errors.refused(shown, status, reason, login) from error
        except InvalidHandshake as error:
            raise errors.unreadable(shown, str(error), login) from error
        try:
            yield found
        finally:
            with suppress(OSError, InvalidState):  # it has ended already
                protocol.send_close()
                found.flush()


def _await_answer(found: Websocket, protocol: ClientProtocol) -> None:
    """Wait until it is open. Raises websockets' InvalidHandshake, and OSError."""
    from websockets.protocol import State

    end = time.monotonic() + client.SILENCE
    while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
        if time.monotonic() > end:
            raise TimeoutError("timed out")
        found.read(max(end - time.monotonic(), 0.1))
    if protocol.handshake_exc:
        raise protocol.handshake_exc


def _secured(login: Login, shown: str) -> socket.socket:
    """A connection to an API's server, whose certificate is one that is trusted."""
    with client.failures(shown, login):
        return connection.connect(login.endpoint, client.trust(login))
