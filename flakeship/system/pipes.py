"""Reads the pipes of a running command: all of what it writes, of which a bounded part is kept."""

from __future__ import annotations

import math
import os
import selectors
import subprocess
import sys
import time

from flakeship.model.text import LINE, lines

CHUNK = 65536


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


class Shown:
    """Shows a stream's lines on our standard error, each cleaned and cut."""

    def __init__(self) -> None:
        self._line = b""

    def add(self, data: bytes) -> None:
        """More of the stream."""
        *whole, rest = (self._line + data).split(b"\n")
        for line in whole:
            self._show(line)
        self._line = rest[: 4 * LINE]  # no character has more than four bytes

    def text(self) -> str:
        """Nothing that is not shown; a last line without an end is shown now."""
        if self._line:
            self._show(self._line)
        self._line = b""
        return ""

    @staticmethod
    def _show(line: bytes) -> None:
        print(lines(line[: 4 * LINE].decode(errors="replace")), file=sys.stderr)


def pump(
    process: subprocess.Popen[bytes], stdin: bytes, stdout: Kept, stderr: Kept | Shown, end: float
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
            for key, _ in selector.select(min(left, 3600)):
                if key.fileobj is process.stdin:
                    unsent = _send(key.fd, unsent)
                    if not unsent:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif data := os.read(key.fd, CHUNK):
                    sinks[key.fileobj].add(data)  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
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
