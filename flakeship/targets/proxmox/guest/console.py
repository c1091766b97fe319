"""What a machine announces of its SSH host keys, on the first channel that brings them.

There are two that the network cannot forge: its serial console, and its guest agent, whose answer
counts as soon as an SSH server answers, for then all its keys are made.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from flakeship.ssh import host_keys
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest import agent
from flakeship.targets.proxmox.guest.agent import WAY, AgentError
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.guest.obstacles import Obstacle, SerialConsole, refuse_denied

log = logging.getLogger(__name__)

AGAIN = 2.0  # seconds until an agent that has brought nothing is asked again


class GuestConsole:
    """The console of verify.console: what the serial one shows, and the agent's announcement.

    The agent's stands in for one that the console has not shown. `answers` tells whether an SSH
    server does.
    """

    pace = 0.0

    def __init__(self, guest: Guest, serial: SerialConsole, answers: Callable[[], bool]) -> None:
        self.name = serial.name
        self._guest, self._serial, self._answers = guest, serial, answers
        self._lock = threading.Lock()
        self._up, self._first, self._asked_at = False, True, -AGAIN
        self._announcement = ""
        self._obstacle = Obstacle(WAY, "")

    def read(self) -> str:
        """As Console.read."""
        text = self._serial.read()
        if host_keys.blocks(text):
            return text
        with self._lock:
            self._ask()
        text = text or self._serial.obstacle.reason
        return f"{text}\n{self._announcement}" if self._announcement else text

    def announced_where(self) -> str:
        """The way that has told the keys, in a few words."""
        return "by its guest agent" if self._announcement else "on the console"

    def watch(self) -> None:
        """Raise FlakeshipError where no key will ever be told: see Guest.watch, refuse_denied."""
        self._guest.watch()
        refuse_denied(self._guest, self.obstacles, "its SSH host keys")

    @property
    def obstacles(self) -> list[Obstacle]:
        """Those of both ways, as they are now."""
        return [self._serial.obstacle, self._obstacle]

    def _ask(self) -> None:
        """Ask the agent, if it is time and can bring something.

        It is asked at first whatever is up, so that a missing privilege is known at once.
        """
        waited = time.monotonic() - self._asked_at >= AGAIN
        if self._announcement or self._obstacle.denied or not waited:
            return
        self._up = self._up or self._answers()
        if self._up or self._first:
            self._take_keys()
        self._first, self._asked_at = False, time.monotonic()

    def _take_keys(self) -> None:
        try:
            keys = agent.keys(self._guest)
        except AgentError as error:
            self._obstacle = Obstacle(WAY, str(error))
        except ApiError as error:
            self._obstacle = Obstacle(WAY, error.what, error)
        else:
            self._obstacle = Obstacle(WAY, "" if keys else "it has no SSH host keys in /etc/ssh")
            if keys and self._up:
                log.info("%s: its guest agent tells its SSH host keys", self._guest.name)
                self._announcement = "\n".join([host_keys.BEGIN, *keys, host_keys.END, ""])
