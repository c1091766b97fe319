"""Serial consoles over a websocket: `termproxy`, which waits for one client with its ticket.

What a client types is dropped: nothing here needs it.
"""

from __future__ import annotations

import secrets
import select
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from dev.proxmox.errors import PveError
from dev.proxmox.guests import Guests

WAITS = 10.0  # seconds for the client to come, and then for its ticket
TURN = 0.1
BLOCK = 65536
PORTS = range(5900, 6000)


@dataclass
class Terminal:
    """One terminal: of which VM, for whom, and whether it has ended."""

    vmid: int
    who: str
    ticket: str
    port: int
    came: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class Terminals:
    """The terminals of a lab. With `tokens` those of API tokens let somebody in."""

    def __init__(self, guests: Guests, *, tokens: bool) -> None:
        self._guests, self._tokens = guests, tokens
        self._open: dict[int, Terminal] = {}
        self._lock = threading.Lock()

    def open(self, vmid: int, who: str) -> Terminal:
        """Make one. Raises PveError."""
        with self._lock:
            port = next((port for port in PORTS if port not in self._open), None)
            if port is None:
                raise PveError("unable to find free port (5900-6000)")
            made = Terminal(vmid, who, f"PVEVNC:{secrets.token_hex(32)}", port)
            self._open[port] = made
        return made

    def work(self, terminal: Terminal) -> None:
        """What its task does: it waits for the client, and then for its end. Raises PveError."""
        try:
            if not terminal.came.wait(WAITS):
                raise PveError("command '/usr/bin/termproxy' failed: exit code 1")
            terminal.ended.wait()
        finally:
            with self._lock:
                del self._open[terminal.port]

    def find(self, vmid: int, who: str, port: int, ticket: str) -> Terminal:
        """The one that a ticket is for. Raises PveError."""
        found = self._open.get(port)
        if found is None or (found.vmid, found.who) != (vmid, who):
            raise PveError("invalid PVEVNC ticket", 401)
        if not secrets.compare_digest(found.ticket, ticket):
            raise PveError("invalid PVEVNC ticket", 401)
        return found

    def serve(self, terminal: Terminal, client: ssl.SSLSocket, request: Request) -> None:
        """Show a console to a client until one of both ends."""
        terminal.came.set()
        try:
            with suppress(OSError):
                self._serve(terminal, Websocket(client, request))
        finally:
            terminal.ended.set()

    def _serve(self, terminal: Terminal, client: Websocket) -> None:
        first = b""
        while b"\n" not in first:
            if (data := client.received(WAITS)) is None:
                return
            first += data
        allowed = self._tokens or "!" not in terminal.who
        if first.split(b"\n")[0].decode() != f"{terminal.who}:{terminal.ticket}" or not allowed:
            client.close()
            return
        client.send(b"OK")
        for data in self._console(terminal.vmid, client):
            client.send(data)
        client.close()

    def _console(self, vmid: int, client: Websocket) -> Iterator[bytes]:
        """What `qm terminal` shows, as long as the client is there."""
        if self._guests.pid(vmid) is None:
            yield f"VM {vmid} not running\r\n".encode()
            return
        try:
            console = self._guests.console(vmid)
        except OSError:
            yield b"unable to find a serial interface\r\n"
            return
        with console:
            yield b"starting serial terminal on interface serial0\r\n"
            while client.received(0) is not None:
                if select.select([console], [], [], TURN)[0]:
                    if not (data := console.recv(BLOCK)):
                        return
                    yield data


class Websocket:
    """The lab's end of a websocket."""

    def __init__(self, connection: ssl.SSLSocket, request: Request) -> None:
        self._connection, self._protocol = connection, ServerProtocol()
        self._protocol.receive_data(request.serialize())
        self._protocol.events_received()
        self._protocol.send_response(self._protocol.accept(request))
        self._flush()

    def received(self, seconds: float) -> bytes | None:
        """What came in this time, maybe nothing; None at the end."""
        pending = self._connection.pending()
        if pending or select.select([self._connection], [], [], seconds)[0]:
            self._connection.settimeout(TURN)
            with suppress(TimeoutError):
                if not (data := self._connection.recv(BLOCK)):
                    return None
                self._protocol.receive_data(data)
                self._flush()
        found = [e for e in self._protocol.events_received() if getattr(e, "opcode", None)
                 in {Opcode.TEXT, Opcode.BINARY}]  # fmt: skip
        if self._protocol.state is not State.OPEN:
            return None
        return b"".join(each.data for each in found)  # type: ignore[union-attr]

    def send(self, data: bytes) -> None:
        """Send a message."""
        self._protocol.send_binary(data)
        self._flush()

    def close(self) -> None:
        """End it: as pveproxy does, without a farewell."""
        self._connection.close()

    def _flush(self) -> None:
        self._connection.settimeout(WAITS)
        for data in self._protocol.data_to_send():
            if data:
                self._connection.sendall(data)
