"""QEMU's control socket (QMP): one JSON object per line, commands and events."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local.qemu_command import SOCKET

SECONDS = 10.0  # for QEMU to answer a command


class QmpError(FlakeshipError):
    """QEMU refused a command, did not answer in time, or does not run.

    `kind` is QMP's error class (`GenericError`, `DeviceNotFound`), `gone` or `timeout`.
    """

    code = "qemu-failed"

    def __init__(self, what: str, machine: str, kind: str) -> None:
        super().__init__(what, key=machine)
        self.kind = kind


class Qmp:
    """A connection to one QEMU. `name` is the machine's, for messages."""

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
        request = {"execute": command} | ({"arguments": arguments} if arguments else {})
        try:
            self._channel.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._error(f"QEMU ended before `{command}`", "gone") from error
        while True:
            message = self._next(deadline)
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                refusal = message["error"]
                raise self._error(f"QEMU refused `{command}`: {refusal['desc']}", refusal["class"])
            else:
                return message["return"]

    def human(self, line: str) -> str:
        """Run a command of the human monitor and return what it prints. Raises QmpError."""
        return str(self.execute("human-monitor-command", **{"command-line": line})).strip()

    def wait(self, event: str, seconds: float, **data: object) -> None:
        """Wait for an event with this data, which may have come before. Raises QmpError."""
        deadline = time.monotonic() + seconds
        while True:
            while self._events:
                seen = self._events.pop(0)
                if seen["event"] == event and data.items() <= seen.get("data", {}).items():
                    return
            self._events.append(self._next(deadline))

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._unread:
            self._channel.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                read = self._channel.recv(65536)
            except TimeoutError as error:
                raise self._error("QEMU did not answer in time", "timeout") from error
            except OSError:
                read = b""
            if not read:
                raise self._error("QEMU ended", "gone")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _error(self, what: str, kind: str) -> QmpError:
        return QmpError(what, self._name, kind)


@contextmanager
def connect(directory: Path, seconds: float = SECONDS) -> Iterator[Qmp]:
    """Connect to the QEMU of a directory, which serves one at a time. Raises QmpError."""
    name = directory.name
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise QmpError(f"there is no directory {directory}", name, "gone") from error
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(seconds)
        try:
            # The directory's own path may be too long for a socket's address.
            channel.connect(f"/proc/self/fd/{opened}/{SOCKET}")
        except OSError as error:
            raise QmpError(f"no QEMU runs in {directory}", name, "gone") from error
        finally:
            os.close(opened)
        yield Qmp(channel, name, seconds)
