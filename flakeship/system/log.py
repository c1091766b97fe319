"""Progress and the debug log, on standard error; standard output is for results alone.

A module logs with `logging.getLogger(__name__)`: `info` is a line for the person who waits, `debug`
is shown with `-v` or FLAKESHIP_LOG=debug. Never log a secret. What a guest, a
server or a flake says is cleaned on its way out, whoever prints it.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from flakeship.model.text import LINE, clean, cut, lines

PLAIN = "%(message)s"
DEBUG = "%(asctime)s %(name)s: %(message)s"


def configure(*, verbose: bool = False) -> None:
    """Write what Flakeship logs to standard error; `verbose` or FLAKESHIP_LOG=debug: all of it."""
    _handle(logging.StreamHandler(sys.stderr), verbose=verbose or debugging())


def configure_sent(send: Callable[[str, int], object]) -> None:
    """Send each line of what Flakeship logs, and its level, to somebody who shows it."""
    _handle(Sender(send), verbose=debugging())


def _handle(handler: logging.Handler, *, verbose: bool) -> None:
    """Let one handler have all that Flakeship logs."""
    handler.setFormatter(logging.Formatter(DEBUG if verbose else PLAIN))
    logger = logging.getLogger("flakeship")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


class Sender(logging.Handler):
    """Sends lines that are cleaned and cut."""

    def __init__(self, send: Callable[[str, int], object]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send the lines of a record."""
        for line in lines(self.format(record)).split("\n"):
            self._send(line, record.levelno)


def configure_debug() -> None:
    """Inside a Pulumi program, which has a log of its own: only with FLAKESHIP_LOG=debug."""
    if debugging():
        configure()


def failure(error: Exception) -> None:
    """Log the code of a failure, which tells it apart from others."""
    logging.getLogger(__name__).debug("code: %s", getattr(error, "code", type(error).__name__))


def debugging() -> bool:
    """Whether FLAKESHIP_LOG asks for the debug log."""
    return os.environ.get("FLAKESHIP_LOG", "").lower() == "debug"


class CleanStream(io.TextIOBase):
    """A stream whose lines are cleaned and, where `most` is not 0, cut at so many characters."""

    def __init__(self, stream: TextIO, most: int = 0) -> None:
        self._stream = stream
        self._most = most
        self._line = ""
        self._lock = threading.Lock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """What the stream does with a character that its encoding lacks."""
        return self._stream.errors

    @property
    def buffer(self) -> BinaryIO:
        """The stream's, for what is no text."""
        return self._stream.buffer

    def fileno(self) -> int:
        """The stream's."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write what ends with a newline; the rest waits for its end, or for `flush`."""
        with self._lock:
            *lines, rest = f"{self._line}{clean(text)}".split("\n")
            for line in lines:
                self._stream.write(f"{self._cut(line)}\n")
            self._line = rest[: self._most + 1] if self._most else rest
        return len(text)

    def flush(self) -> None:
        """Write what has no end yet, too."""
        with self._lock:
            line, self._line = self._line, ""
            self._stream.write(self._cut(line))
            self._stream.flush()

    def _cut(self, line: str) -> str:
        return cut(line, self._most) if self._most else line


@contextmanager
def cleaned(*, stdout: bool) -> Iterator[None]:
    """Clean and cut the lines of standard error, tracebacks too; clean `stdout` where it is text.

    Pulumi's published command plugin stops reading, for good, at a line of 64 KiB.
    """
    out, err = sys.stdout, sys.stderr
    sys.stderr = CleanStream(err, LINE)
    if stdout:
        sys.stdout = CleanStream(out)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = out, err
