"""A server's serial console, which the network cannot forge, wherever it is read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import FlakeshipError

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>c78])")
CONTROLS = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


class Console(Protocol):
    """What a server has said since it was started.

    `name` tells a person where to read it. One that is `truncated` may hold only the end of it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def truncated(self) -> bool: ...  # noqa: D102

    def read(self) -> str:
        """All that it holds; empty where it does not exist yet.

        Raises FlakeshipError where it will never be shown.
        """


@dataclass(frozen=True)
class File:
    """The file that a hypervisor on this machine writes."""

    path: Path
    truncated: bool = False

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def read(self) -> str:
        """The whole file, without what only steers a terminal."""
        try:
            return clean(self.path.read_bytes().decode(errors="replace"))
        except FileNotFoundError:
            return ""


def clean(text: str) -> str:
    """The text without what only steers a terminal: a log must not repaint the reader's screen."""
    return CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def tail(console: Console, lines: int = 15) -> list[str]:
    """The last lines that say something, or why none can be shown."""
    try:
        said = console.read()
    except FlakeshipError as error:
        said = str(error)
    return [line.rstrip() for line in said.splitlines() if line.strip()][-lines:]
