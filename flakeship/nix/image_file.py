"""What an image file says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

MEBIBYTE = 1024**2
QCOW2 = b"QFI\xfb"
"""How a qcow2 begins; its virtual size are the 8 bytes at 24 (docs/interop/qcow2 of QEMU)."""

Format = Literal["qcow2", "raw"]


def inspect(path: Path) -> tuple[Format, int]:
    """The format of an image file and the size of the disk in it, in MiB, rounded up."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(QCOW2):
        return "qcow2", mebibytes(int.from_bytes(head[24:32], "big"))
    return "raw", mebibytes(path.stat().st_size)


def mebibytes(size: int) -> int:
    """Whole MiB that hold so many bytes."""
    return -(-size // MEBIBYTE)
