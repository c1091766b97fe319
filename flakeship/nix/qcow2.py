"""The header of a qcow2 image, read without QEMU (QEMU's interop/qcow2.txt)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import LARGEST_DISK, MIB

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQI")  # the first fields of both versions
LEAST = {2: 72, 3: 104}  # bytes of a header by version
CORRUPT, DATA_FILE, KNOWN = 1 << 1, 1 << 2, 0b11111  # incompatible features


def check(head: bytes, path: Path, name: str) -> None:
    """Refuse an image that names other files, or that nobody can boot.

    `head` is the beginning of the file. Raises FlakeshipError: image-refers, image-unusable.
    """
    for code, fault, remedy in faults(head):
        raise FlakeshipError(f"its image {path} {fault}", code=code, key=name, remedy=remedy)


def faults(head: bytes) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a header: a code, what it is, and the next step."""
    flatten = "flatten it in the build: `qemu-img convert -O qcow2`"
    if len(head) < LEAST[2]:
        yield "image-unusable", f"ends after {len(head)} bytes", flatten
        return
    _, version, backing, _, _, size, encryption = HEADER.unpack_from(head)
    if version not in LEAST or len(head) < LEAST[version]:
        yield "image-unusable", f"has a header of version {version}, not 2 or 3", flatten
        return
    features = int.from_bytes(head[72:80], "big") if version > 2 else 0
    if backing:
        yield "image-refers", "names a backing file", flatten
    if features & DATA_FILE:
        yield "image-refers", "has its data in another file", flatten
    if encryption:
        yield "image-unusable", "is encrypted", "build it without encryption"
    if features & CORRUPT:
        yield "image-unusable", "is marked as corrupt", "build it again"
    if features & ~KNOWN:
        yield "image-unusable", f"needs unknown features ({features:#x})", flatten
    if not 0 < size <= LARGEST_DISK * MIB:
        yield (
            "image-unusable",
            f"has a disk of {size} bytes",
            "build it with a disk of up to 64 TiB",
        )
