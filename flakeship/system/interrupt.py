"""SIGINT, SIGTERM and a closed terminal end what is ours in the same way."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # the exit code of a command that was interrupted


def install_signal_handlers() -> None:
    """Let each of the signals raise KeyboardInterrupt."""
    # a shell's background jobs ignore SIGINT, and SIGTERM would end Python without any cleanup
    _handle(signal.default_int_handler)


def interrupt_once() -> None:
    """Let the first of the signals raise KeyboardInterrupt, and no other stop the undo."""

    def first(number: int, frame: FrameType | None) -> None:
        ignore_signals()
        signal.default_int_handler(number, frame)

    _handle(first)


def ignore_signals() -> None:
    """Let none of the signals do anything any more."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def leave_when_interrupted() -> None:
    """Let each of the signals end this process, which has nothing to clean up yet, in silence."""
    _handle(lambda *_: os._exit(INTERRUPTED))


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in SIGNALS:
        # what nohup has started is not to end with the terminal
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Defer an interruption until the block has ended. Only in the main thread.

    A signal that is ignored, as nohup's SIGHUP is, is none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[signal.Signals] = []

    def defer(number: int, _: FrameType | None) -> None:
        received.append(signal.Signals(number))

    caught = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    former = {number: signal.signal(number, defer) for number in caught}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if received:
        handler = former[received[0]]
        if not callable(handler):
            raise KeyboardInterrupt
        handler(received[0], None)  # raises, or is that of a block around this one
