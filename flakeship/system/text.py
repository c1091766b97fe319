"""Text from elsewhere, made safe to show."""

from __future__ import annotations

import re

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>c78])")
CONTROLS = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def clean(text: str) -> str:
    """The text without what only controls a terminal: a log must not repaint a reader's screen."""
    return CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def last_lines(text: str, count: int) -> list[str]:
    """The last lines that are not blank."""
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
