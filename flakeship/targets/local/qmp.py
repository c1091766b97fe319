"""QEMU's control socket (QMP): one JSON object per line, commands and events."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local.qemu_command import SOCKET

SECONDS = 10.0
"""How long QEMU may take to answer a command."""


class QmpError(FlakeshipError):
    """QEMU refused a command, did not answer in time, or is not there.

    `kind` is QMP's error class (`GenericError`, `DeviceNotFound`), `gone` or `timeout`.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Monitor(Protocol):
    """What the rest of this package asks of a machine's QEMU."""

    def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401
        """Run a QMP command and return its result. Raises QmpError."""

    def human(self, line: str) -> str:
        """Run a command of the human monitor and return what it prints. Raises QmpError."""

    def wait(self, event: str, seconds: float, **data: object) -> None:
        """Wait for an event with this data, also one that has come already. Raises QmpError."""


class Qmp:
    """A conversation with one QEMU. `name` is the machine's, for messages."""

    def __init__(self, channel: socket.socket, name: str, seconds: float = SECONDS) -> None:
        self._channel = channel
        self._name = name
        self._seconds = seconds
        self._unread = b""
        self._events: list[dict[str, Any]] = []
        self._next(time.monotonic() + seconds)  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401
        """Run a QMP command and return its result. Raises QmpError."""
        deadline = time.monotonic() + self._seconds
        text = json.dumps({"execute": command, "arguments": arguments} if arguments
                          else {"execute": command})  # fmt: skip
        try:
            self._channel.sendall(text.encode() + b"\n")
        except OSError as error:
            raise QmpError(f"{self._name}: QEMU has ended (`{command}`)", "gone") from error
        while True:
            message = self._next(deadline)
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                refusal = message["error"]
                raise QmpError(f"{self._name}: `{command}`: {refusal['desc']}", refusal["class"])
            else:
                return message["return"]

    def human(self, line: str) -> str:
        """Run a command of the human monitor and return what it prints. Raises QmpError."""
        return str(self.execute("human-monitor-command", **{"command-line": line})).strip()

    def wait(self, event: str, seconds: float, **data: object) -> None:
        """Wait for an event with this data, also one that has come already. Raises QmpError."""
        deadline = time.monotonic() + seconds
        while True:
            while self._events:
                seen = self._events.pop(0)
                if seen["event"] == event and data.items() <= seen.get("data", {}).items():
                    return
            self._events.append(self._next(deadline))

    def _next(self, deadline: float) -> dict[str, Any]:
        """The next message."""
        while b"\n" not in self._unread:
            self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                read = self._channel.recv(65536)
            except TimeoutError as error:
                raise QmpError(f"{self._name}: QEMU did not answer in time", "timeout") from error
            except OSError:
                read = b""
            if not read:
                raise QmpError(f"{self._name}: QEMU has ended", "gone")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def connect(directory: Path, seconds: float = SECONDS) -> Iterator[Qmp]:
    """Talk to the machine in a directory; QEMU serves one conversation at a time.

    Raises QmpError where no QEMU listens or it does not answer within `seconds`.
    """
    name = directory.name
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise QmpError(f"{name} does not exist ({directory})", "gone") from error
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(seconds)
        try:
            # The directory's own path may be too long for a socket's address.
            channel.connect(f"/proc/self/fd/{opened}/{SOCKET}")
        except OSError as error:
            raise QmpError(f"{name} does not run ({directory})", "gone") from error
        finally:
            os.close(opened)
        yield Qmp(channel, name, seconds)
