"""A machine's serial console, as the file that its hypervisor writes."""

from __future__ import annotations

import re
from pathlib import Path

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>c78])")
CONTROLS = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def clean(text: str) -> str:
    """The text without what only steers a terminal: a log must not repaint the reader's screen."""
    return CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def read(path: Path) -> str:
    """Everything the console has said; empty where it does not exist yet."""
    try:
        return clean(path.read_bytes().decode(errors="replace"))
    except FileNotFoundError:
        return ""


def tail(path: Path, lines: int = 15) -> list[str]:
    """The last lines that say something."""
    return [line.rstrip() for line in read(path).splitlines() if line.strip()][-lines:]
