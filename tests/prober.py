"""Asks a server again and again while something else happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Prober:
    """`seen` has what it said, or `failed: …`, with the moment; `pause` is in seconds."""

    def __init__(self, page: Callable[[], str], pause: float) -> None:
        self.page, self.pause = page, pause
        self.seen: list[tuple[float, str]] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self) -> None:
        while not self.done.wait(self.pause):
            try:
                said = self.page()
            except OSError as error:
                said = f"failed: {error}"
            self.seen.append((time.monotonic(), said))

    def __enter__(self) -> Prober:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
