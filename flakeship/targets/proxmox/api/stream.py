"""A websocket to an API: over a connection with the same trust and the same proxy as a call's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flakeship.model.sizes import MIB
from flakeship.targets.proxmox.api import client, errors
from flakeship.targets.proxmox.api.login import Login

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

CLOSING = 2.0  # seconds for the other side to agree that it ends
ALIVE = 20.0  # seconds between two questions whether the other side is still there, and to answer


@contextmanager
def opened(login: Login, *path: str, **query: str | int) -> Iterator[ClientConnection]:
    """A websocket at the parts of a path, which ends with the block.

    Raises ApiError and FlakeshipError as a call does, and websockets' ConnectionClosed in the
    block.
    """
    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect

    host, where = urlsplit(login.endpoint).netloc, client.path_of(path)
    shown = f"GET {where}"
    # the connection is secured already, and websockets would trust otherwise
    url = f"ws://{host}{where}?{urlencode(query)}"
    with closing(_secured(login, shown)) as connection, client.failures(shown, login):
        try:
            entering = connect(
                url,
                sock=connection,
                additional_headers={"Authorization": f"PVEAPIToken={login.token}"},
                compression=None,  # pveproxy refuses frames that it could be used in
                proxy=None,
                open_timeout=client.SILENCE,
                ping_interval=ALIVE,
                ping_timeout=ALIVE,
                close_timeout=CLOSING,
                max_size=MIB,
                legacy=False,
            )
            with entering as found:
                yield found
        except InvalidStatus as error:
            response = error.response
            raise errors.refused(
                shown, response.status_code, response.reason_phrase, login
            ) from error
        except InvalidHandshake as error:
            raise errors.unreadable(shown, str(error), login) from error


def _secured(login: Login, shown: str) -> socket.socket:
    """A connection to an API's server, whose certificate is one that is trusted."""
    from urllib3.connection import HTTPSConnection

    end = urlsplit(login.endpoint)
    way = urlsplit(client.proxy(login))
    host, port = (way if way.hostname else end).hostname or "", (way if way.hostname else end).port
    made = HTTPSConnection(host, port, timeout=client.CONNECTING, **client.trust(login))
    if way.hostname:
        made.set_tunnel(end.hostname or "", end.port, scheme=way.scheme)
    with client.failures(shown, login):
        try:
            made.connect()
        except BaseException:
            made.close()
            raise
    found: socket.socket = made.sock
    found.settimeout(None)
    return found
