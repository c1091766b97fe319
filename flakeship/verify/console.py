"""A server's serial console, which the network cannot forge, and the host keys announced there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import host_keys
from flakeship.system.backoff import backoff
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
        """All that is left of it, or nothing yet. FlakeshipError where it will never be shown."""


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


def announced_keys(console: Console) -> list[str]:
    """The host keys of the last complete block; empty where there is none yet."""
    return next(reversed(host_keys.blocks(console.read())), [])


def await_keys(console: Console, seconds: float, other_than: Sequence[str] = ()) -> list[str]:
    """Wait for a block of keys, other than these, and return it. FlakeshipError after `seconds`."""
    for _ in backoff(seconds, first=0.05, most=0.25):
        if (keys := announced_keys(console)) and not host_keys.same(keys, other_than):
            return keys
    last = tail(console, 1)
    found = f"its last line is: {last[0].strip()}" if last else "it is empty"
    raise FlakeshipError(
        f"no SSH host keys on the console ({console.name}) within {seconds:.0f} s: {found}",
        code="host-keys-missing",
    )
