"""The log of a login: a file apart from what the server says, which still decides its size."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.sizes import MIB
from flakeship.system.pipes import Kept

MOST = 8 * MIB  # bytes of the file, the limit of the process that writes it; one more ends it
READ = MIB // 4  # bytes that are read of it


def arguments(file: Path) -> list[str]:
    """Those of ssh, which appends to the file; it is emptied first."""
    file.write_text("")
    return ["-v", "-E", str(file)]


def text(file: Path) -> str:
    """The beginning and the end of the log."""
    kept = Kept(READ)
    with file.open("rb") as opened:
        while data := opened.read(READ):
            kept.add(data)
    return kept.text()
