"""Reads the pipes of a running command: all of what it writes, of which a bounded part is kept."""

from __future__ import annotations

import math
import os
import selectors
import subprocess
import sys
import time
from typing import Protocol

from flakeship.model.sizes import MIB
from flakeship.model.text import lines

CHUNK = 65536
TICK = 1.0  # seconds in which a reader has its turn


class Kept:
    """The first and the last bytes of a stream, `most` together; those in between are counted."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.dropped = 0

    def add(self, data: bytes) -> None:
        """More of the stream."""
        room = max(self._half - len(self._head), 0)
        self._head += data[:room]
        self._tail += data[room:]
        excess = len(self._tail) - self._half
        if excess > CHUNK:  # not for each chunk: what is left is moved
            self._drop(excess)

    def _drop(self, count: int) -> None:
        del self._tail[:count]
        self.dropped += count

    def text(self) -> str:
        """What is kept as text, with a line in the place of what is not."""
        self._drop(max(len(self._tail) - self._half, 0))
        if not self.dropped:
            text = (self._head + self._tail).decode(errors="replace")
        else:
            head, tail = (part.decode(errors="replace") for part in (self._head, self._tail))
            text = f"{head}\n[{self.dropped} bytes are left out here]\n{tail}"
        return text.replace("\r\n", "\n").replace("\r", "\n")


class Reader(Protocol):
    """Who reads a stream while a command runs."""

    def line(self, text: str) -> None:
        """Take a line, as the command has written it."""

    def still(self) -> None:
        """Do what is to be done while the command runs, about every second."""


class Shown:
    """A reader that shows each line on our standard error, cleaned and cut."""

    def line(self, text: str) -> None:
        """Show a line."""
        print(lines(text), file=sys.stderr)

    def still(self) -> None:
        """Nothing: only what was written is shown."""


class Lines:
    """Hands a stream's lines to a reader, of each no more than its first MiB."""

    def __init__(self, reader: Reader) -> None:
        self._line = b""
        self.still = reader.still
        self._take = reader.line

    def add(self, data: bytes) -> None:
        """More of the stream."""
        *whole, rest = (self._line + data).split(b"\n")
        for line in whole:
            self._read(line)
        self._line = rest[:MIB]

    def text(self) -> str:
        """Nothing that is not read; a last line without an end is read now."""
        if self._line:
            self._read(self._line)
        self._line = b""
        return ""

    def _read(self, line: bytes) -> None:
        self._take(line[:MIB].decode(errors="replace").removesuffix("\r"))


def pump(
    process: subprocess.Popen[bytes], stdin: bytes, stdout: Kept, stderr: Kept | Lines, end: float
) -> int:
    """Feed a process and read it until it ends; its exit code. `end` is a monotonic time.

    Raises TimeoutError.
    """
    sinks = {process.stdout: stdout, process.stderr: stderr}
    with selectors.DefaultSelector() as selector:
        for pipe in sinks:
            assert pipe
            selector.register(pipe, selectors.EVENT_READ)
        unsent = memoryview(stdin)
        assert process.stdin
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            reading = isinstance(stderr, Lines)
            for key, _ in selector.select(min(left, TICK if reading else 3600)):
                if key.fileobj is process.stdin:
                    unsent = _send(key.fd, unsent)
                    if not unsent:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif data := os.read(key.fd, CHUNK):
                    sinks[key.fileobj].add(data)  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
            if isinstance(stderr, Lines):
                stderr.still()
    try:
        return process.wait(None if end == math.inf else max(0, end - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error


def _send(descriptor: int, data: memoryview) -> memoryview:
    """Send what fits; what is left. A command need not read its input."""
    if not data:
        return data
    try:
        return data[os.write(descriptor, data[:CHUNK]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]
