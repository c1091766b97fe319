"""The first builder: one static busybox, because a .deb cannot be unpacked without a tool."""

from pathlib import Path

import nixstore
from archive import file_in
from lock import BOOTSTRAP


def make(deb: bytes, folder: Path) -> Path:
    """Writes the tree `bootstrap/bin/busybox` below the folder and returns it."""
    # A directory, because busybox goes by the name it was called with: a store file would be
    # called <hash>-busybox.
    binary = folder / BOOTSTRAP / "bin" / "busybox"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(file_in(deb, "usr/bin/busybox"))
    binary.chmod(0o555)
    return folder / BOOTSTRAP


def digest(tree: Path) -> str:
    """What the lock keeps of it."""
    return nixstore.nar_sha256(tree)
