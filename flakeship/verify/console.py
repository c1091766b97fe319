"""A server's serial console, which the network cannot forge, and the host keys announced there."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.model.text import clean, last_lines
from flakeship.ssh import host_keys
from flakeship.system.backoff import backoff
from flakeship.system.waiting import Waiting
from flakeship.verify import boot_progress

BEGIN, END = host_keys.BEGIN.encode(), host_keys.END.encode()
LINE_END = re.compile(rb"[\r\n]")
CHUNK = 65536  # bytes; no announcement is longer
END_SHOWN = 65536  # bytes of the end that are kept
MOST = 32 * MIB  # bytes of a file that are read at first: all that a machine of this version has


class Console(Protocol):
    """What a server has written to its console. Its beginning may be gone."""

    @property
    def name(self) -> str:
        """Where a person can read it: a path or a command."""

    @property
    def pace(self) -> float:
        """Seconds between two readings of a machine that does not answer yet: a cloud's cost it."""

    def read(self) -> str:
        """The last announcement of host keys, and the end; nothing yet. It is clean, and short.

        Raises FlakeshipError where it will never be shown.
        """


class Transcript:
    """What was read of a console, piece by piece: its last announcement, and its end.

    It takes as much memory for a guest that writes without end as for any other.
    """

    def __init__(self) -> None:
        self._unfinished = b""  # from the last beginning of an announcement on
        self._announcement = b""  # the last that is complete
        self._end = b""

    @property
    def text(self) -> str:
        """As Console.read."""
        earlier = b"" if self._announcement in self._end else self._announcement + b"\n"
        return clean(_text(earlier + self._end))

    def add(self, data: bytes) -> None:
        """Read on."""
        self._end = (self._end + data)[-END_SHOWN:]
        *complete, rest = (self._unfinished + data).split(END)
        for part, following in pairwise([*complete, rest]):
            # with the rest of its line: a mark that does not end it is none
            last = END + LINE_END.split(following[:CHUNK], maxsplit=1)[0]
            announcement = part[max(part.rfind(BEGIN), 0) :][-CHUNK:] + last
            if host_keys.blocks(clean(_text(announcement))):
                self._announcement = announcement
        begin = rest.rfind(BEGIN)
        # one that becomes longer than this is none
        self._unfinished = rest[begin:][:CHUNK] if begin >= 0 else rest[-len(BEGIN) :]


class File:
    """The file that the workstation has of a console, and the one that it has replaced.

    It is read on from the last place, for a guest may write without end. What was read is
    remembered: a file that is emptied or replaced takes nothing back.
    """

    pace = 0.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[int, int] = {}  # by inode: how far it was read
        self._transcript = Transcript()

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def read(self) -> str:
        """As Console.read."""
        places = {}
        for path in (self.path.with_name(f"{self.path.name}.1"), self.path):
            with suppress(FileNotFoundError), path.open("rb") as file:
                status = os.fstat(file.fileno())
                place = self._places.get(status.st_ino, 0)
                place = place if place <= status.st_size else 0  # it was emptied
                file.seek(max(place, status.st_size - MOST))
                while data := file.read(CHUNK):
                    self._transcript.add(data)
                places[status.st_ino] = file.tell()
        self._places = places
        return self._transcript.text


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def shown(console: Console) -> str:
    """What it shows, or why it shows nothing."""
    try:
        return console.read()
    except FlakeshipError as error:
        return str(error)


def tail(console: Console, lines: int = 15) -> list[str]:
    """The last lines that are not blank, or why none can be shown."""
    return last_lines(shown(console), lines)


def announced_keys(console: Console) -> list[str]:
    """The host keys of the last complete block; empty where there is none yet."""
    return next(reversed(host_keys.blocks(console.read())), [])


def await_keys(
    console: Console,
    seconds: float,
    other_than: Sequence[str] = (),
    *,
    answers: Callable[[], bool] = lambda: True,
    name: str = "console",
    watch: Callable[[], object] = str,
) -> list[str]:
    """Wait for a block of keys, other than these, and return it. FlakeshipError after `seconds`.

    `answers` tells whether the machine does: before, its console is seldom read. `name` is of the
    machine, for the lines of who waits: they say how far its boot has come. `watch` may raise where
    it will never come.
    """
    waiting, read = Waiting(f"{name}: no host keys on its console"), time.monotonic()
    up = False
    for _ in backoff(seconds, first=0.05, most=0.25):
        watch()
        # sshd locks out an address that leaves without a login again and again
        if not up and time.monotonic() - read < console.pace:
            up = answers()
            if not up:
                continue
        read = time.monotonic()
        if (keys := announced_keys(console)) and not host_keys.same(keys, other_than):
            return keys
        waiting.still(lambda: f"furthest stage: {boot_progress.find(console.read()).stage}")
    last = tail(console, 1)
    found = f"its last line is: {last[0].strip()}" if last else "it is empty"
    raise FlakeshipError(
        f"no SSH host keys on the console ({console.name}) within {seconds:.0f} s: {found}",
        code="host-keys-missing",
    )
