"""Runs operations in forks of the fork server, side by side, from an asyncio program."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from flakeship.model.sizes import MIB
from flakeship.provider import operations
from flakeship.provider.operations import Operation
from flakeship.targets.base import Preloaded

MOST = 64 * MIB  # of a line: an operation's result


class OperationError(Exception):
    """An operation has failed; the text is the message for the user."""


class Workers:
    """`forks` is the socket of the fork server."""

    def __init__(self, forks: socket.socket) -> None:
        self._forks = forks
        self._running: set[int] = set()
        self._tasks: set[asyncio.Future[Mapping[str, Any]]] = set()
        self._cancelled = False
        self._logins: dict[str, str] = {}  # by target

    def prepare(self, target: str, what: Preloaded) -> None:
        """Let the server import what a target's functions or operations need, before the first."""
        with suppress(OSError):  # the operation itself tells it
            self._forks.sendall(f"{target} {what}".encode())

    async def run(
        self, operation: Operation, log: Callable[[str, int], object]
    ) -> Mapping[str, Any]:
        """The result of an operation; `log` gets each line of its progress, with its level.

        Raises OperationError.
        """
        task = asyncio.ensure_future(self._run(operation, log))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # the engine may hang up before the operation has undone what it began
        return await asyncio.shield(task)

    async def _run(
        self, operation: Operation, log: Callable[[str, int], object]
    ) -> Mapping[str, Any]:
        if self._cancelled:
            raise OperationError("interrupted")
        target = operations.target(operation.token)
        reader, writer = await asyncio.open_connection(sock=self._fork(operation), limit=MOST)
        pid = 0
        try:
            asked = replace(operation, logins=self._logins.get(target, ""))
            writer.write(json.dumps(asdict(asked)).encode() + b"\n")
            async for line in reader:
                message = json.loads(line)
                if "pid" in message:
                    pid = message["pid"]
                    self._running.add(pid)
                    if self._cancelled:
                        _interrupt(pid)
                elif "log" in message:
                    log(message["log"], message["level"])
                elif "error" in message:
                    raise OperationError(message["error"])
                else:
                    self._go_on_from(target, message["logins"])
                    found: Mapping[str, Any] = message["result"]
                    return found
        except (OSError, ValueError) as error:  # it has ended, maybe in the middle of a line
            raise self._ended(pid) from error
        finally:
            self._running.discard(pid)
            writer.close()
        raise self._ended(pid)

    def _ended(self, pid: int) -> OperationError:
        if self._cancelled:
            return OperationError("interrupted")
        process = f"its process (process {pid})" if pid else "its process"
        return OperationError(f"{process} was killed: run `flakeship recover`, then `pulumi up`")

    def _fork(self, operation: Operation) -> socket.socket:
        """A socket to a new process, which waits for the operation."""
        needed = f"{operations.target(operation.token)} {operation.needs}"
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._forks, [needed.encode()], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise OperationError(
                    f"the provider's fork server has ended ({error.strerror}): run `pulumi up`"
                ) from error
        return ours

    def _go_on_from(self, target: str, logins: str) -> None:
        if logins:
            self._logins[target] = logins

    def cancel(self) -> None:
        """Interrupt every operation; each undoes what it has begun. No other one begins."""
        self._cancelled = True
        for pid in self._running:
            _interrupt(pid)

    async def ended(self, seconds: float) -> None:
        """Wait until no operation runs, no longer than so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


def _interrupt(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGINT)
