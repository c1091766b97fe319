"""A server's serial console, which the network cannot forge, wherever it is read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import FlakeshipError
from flakeship.system.log import clean, last_lines


class Console(Protocol):
    """What a server has written to its console since it was started."""

    @property
    def name(self) -> str:
        """Where a person can read it: a path or a command."""

    @property
    def truncated(self) -> bool:
        """Whether only the end of it may be left."""

    def read(self) -> str:
        """All that is left of it; empty where it does not exist yet.

        Raises FlakeshipError where it will never be shown.
        """


@dataclass(frozen=True)
class File:
    """The file that a hypervisor on the workstation writes."""

    path: Path
    truncated: bool = False

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def read(self) -> str:
        """The whole file, without what only controls a terminal."""
        try:
            return clean(self.path.read_bytes().decode(errors="replace"))
        except FileNotFoundError:
            return ""


def tail(console: Console, lines: int = 15) -> list[str]:
    """The last lines that are not blank, or why none can be shown."""
    try:
        text = console.read()
    except FlakeshipError as error:
        text = str(error)
    return last_lines(text, lines)
