"""The bytes of a file on their way to a cloud: block by block, hashed and counted."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.sizes import MIB

log = logging.getLogger(__name__)

BLOCK = MIB
"""Bytes at a time: what requests itself takes, 16 KiB, is slower than a network."""

EVERY = 3.0
"""Seconds between two lines about the progress."""


class Upload:
    """The body of a request; `sha512` is set once it has been sent.

    It has a length, so requests sends a Content-Length, which more proxies and stores understand
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
                    log.info("%s: %s", self.name, self._progress(sent, now - began))
        self.sha512 = digest.hexdigest()

    def _progress(self, sent: int, seconds: float) -> str:
        speed = sent / seconds
        left = (self.size - sent) / speed
        return (
            f"{sent // MIB} of {self.size // MIB} MiB uploaded, "
            f"{speed / MIB:.0f} MiB/s, {left:.0f} s to go"
        )
