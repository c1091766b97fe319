"""SIGINT, SIGTERM and a closed terminal end what is ours in the same way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def install_signal_handlers() -> None:
    """Let each of the signals raise KeyboardInterrupt."""
    # a shell's background jobs ignore SIGINT, and SIGTERM would end Python without any cleanup
    for number in SIGNALS:
        # what nohup has started is not to end with the terminal
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer an interruption until the block has ended. Only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    former = [
        signal.signal(number, lambda signum, _frame: received.append(signum)) for number in SIGNALS
    ]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, former, strict=True):
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
