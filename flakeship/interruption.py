"""An interruption is an exception like any other, except while something is undone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listen() -> None:
    """Have Ctrl-C and a polite kill raise KeyboardInterrupt, so that what was begun is undone.

    A shell's background jobs ignore SIGINT, and so would we.
    """
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let nothing interrupt what undoes an interruption; only for the main thread."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
