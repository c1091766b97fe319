"""The serial console of a machine, as Proxmox VE's own web interface reads it.

A call starts a terminal of `qm terminal` on the node, and a websocket leads to it (pve-xtermjs'
README has its protocol). Nothing is sent to the guest. It shows what is written from then on: what
was written before is lost. With an API token Proxmox VE lets nobody in before pve-access-control
9.0.4, and 8.2.3 of the older branch.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import answers, stream
from flakeship.targets.proxmox.api.answers import Number, Words
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.api.stream import ClosedError, Websocket
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.guest.obstacles import Obstacle
from flakeship.verify.console import Transcript

log = logging.getLogger(__name__)

DEVICE = "serial0"
WAY = "The serial console"
WELCOME = b"OK"
GREETING = 10.0  # seconds for the terminal to let us in
TURN = 0.5  # seconds after which a reader looks whether it is to end
FIRST, MOST = 1.0, 15.0  # seconds until it is opened again: each time is a task in the node's list
REFUSED = (
    "the terminal did not accept its ticket: with an API token that needs pve-access-control 9.0.4 "
    "or newer, or 8.2.3 on Proxmox VE 8"
)


@dataclass(frozen=True)
class Terminal:
    """The answer of `termproxy`: a terminal that waits for whoever has the ticket."""

    user: Words
    ticket: Words
    port: Annotated[Number, Field(ge=1, le=65535)]


class TerminalError(Exception):
    """The console is not shown; the reason in a few words."""


class Serial:
    """Reads a console as long as the block lasts, in a thread of its own, and opens it again."""

    pace = 0.0

    def __init__(self, guest: Guest) -> None:
        self.obstacle = Obstacle(WAY, "")
        self._guest = guest
        self._transcript, self._lock = Transcript(), threading.Lock()
        self._ended, self._pause = threading.Event(), FIRST
        self._thread = threading.Thread(target=self._run, name=f"console of {guest.name}")

    def __enter__(self) -> Serial:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def name(self) -> str:
        """Where a person sees it."""
        return f"`qm terminal {self._guest.vmid}` on {self._guest.node}"

    def read(self) -> str:
        """As Console.read."""
        with self._lock:
            return self._transcript.text

    @property
    def _wanted(self) -> bool:
        return not self._ended.is_set()

    def _run(self) -> None:
        while self._wanted:
            try:
                self._read()
            except ApiError as error:
                if error.status == 403:
                    self.obstacle = Obstacle(WAY, error.what, error)
                    return
                self.obstacle = Obstacle(WAY, error.what)
            except (FlakeshipError, TerminalError) as error:
                self.obstacle = Obstacle(WAY, str(error))
            except ClosedError:
                self.obstacle = Obstacle(WAY, "the terminal has ended")
            log.debug("%s: its console: %s", self._guest.name, self.obstacle.reason)
            self._ended.wait(self._pause)
            self._pause = min(self._pause * 2, MOST)

    def _read(self) -> None:
        """Read until the end. Raises FlakeshipError, TerminalError and ClosedError."""
        login, path = self._guest.api.login, self._guest.path
        found = _terminal(self._guest)
        place, ticket = (*path, "vncwebsocket"), found.ticket
        with stream.opened(login, *place, port=found.port, vncticket=ticket) as terminal:
            self._let_in(terminal, found)
            self.obstacle, self._pause = Obstacle(WAY, ""), FIRST
            while self._wanted:
                self._add(terminal.received(TURN))

    def _let_in(self, terminal: Websocket, found: Terminal) -> None:
        """Show the ticket, and take the welcome with what follows it. Raises TerminalError."""
        end, answer = time.monotonic() + GREETING, b""
        try:
            terminal.send(f"{found.user}:{found.ticket}\n")
            while len(answer) < len(WELCOME) and time.monotonic() < end and self._wanted:
                answer += terminal.received(TURN)
        except ClosedError as error:
            raise TerminalError(REFUSED) from error
        if not answer.startswith(WELCOME):
            raise TerminalError(REFUSED)
        self._add(answer[len(WELCOME) :])

    def _add(self, data: bytes) -> None:
        with self._lock:
            self._transcript.add(data)


def _terminal(guest: Guest) -> Terminal:
    """Start a terminal. Raises ApiError."""
    path = (*guest.path, "termproxy")
    found = guest.api.call("POST", *path, serial=DEVICE)
    return answers.read(Terminal, found, f"POST {'/'.join(path)}", guest.api.login)
