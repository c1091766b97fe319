"""Interruptions: SIGINT and SIGTERM end a verb in the same way, and never half-way through."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def install_signal_handlers() -> None:
    """Be interrupted by both (KeyboardInterrupt).

    A shell's background jobs ignore SIGINT, and so would we; SIGTERM would leave things behind.
    """
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def deferred() -> Iterator[None]:
    """What is inside goes to its end; an interruption comes after it. For the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    former = [
        signal.signal(number, lambda signum, _frame: heard.append(signum)) for number in SIGNALS
    ]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, former, strict=True):
            signal.signal(number, handler)
    if heard:
        raise KeyboardInterrupt
