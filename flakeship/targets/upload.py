"""The bytes of an image file on their way to a target, with progress and their checksum."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.sizes import MIB

log = logging.getLogger(__name__)

BLOCK = MIB  # bytes at a time: what requests itself takes, 16 KiB, is slower than a network
EVERY = 5.0  # seconds between two lines about the progress


class Upload:
    """The bytes of a file as the body of a request; `sha512` is set once they have been sent.

    It has a length, so a client sends a Content-Length, which more proxies and stores understand
    than chunks; a second iteration, as after a renewed token, starts over.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.size = path.stat().st_size
        self.sha512 = ""

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha512()
        sent, began, logged = 0, time.monotonic(), time.monotonic()
        with self.path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block
                # after the block is in the socket: the other side works on it meanwhile
                digest.update(block)
                sent += len(block)
                now = time.monotonic()
                if now - logged >= EVERY:
                    logged = now
                    self._log(sent, sent / (now - began))
        self.sha512 = digest.hexdigest()

    def _log(self, sent: int, speed: float) -> None:
        log.info(
            "%s: %d of %d MiB uploaded, %.1f MiB/s, %.0f s to go",
            self.name,
            sent // MIB,
            self.size // MIB,
            speed / MIB,
            (self.size - sent) / speed,
        )
