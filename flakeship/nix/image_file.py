"""What an image file holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from flakeship.model.release import File
from flakeship.model.sizes import MIB

QCOW2 = b"QFI\xfb"
"""The first bytes of a qcow2; its virtual size is in bytes 24 to 31 (QEMU's interop/qcow2.txt)."""


def describe(path: Path) -> File:
    """A file with its size and its sha512. Raises FileNotFoundError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    return File(str(path), path.stat().st_size, digest)


def inspect(path: Path) -> tuple[Literal["qcow2", "raw"], int]:
    """The format of an image file by its first bytes, and its virtual size in bytes."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(QCOW2):
        return "qcow2", int.from_bytes(head[24:32], "big")
    return "raw", path.stat().st_size


def mebibytes(size: int) -> int:
    """A size in bytes as MiB, rounded up."""
    return -(-size // MIB)
