"""Going back and forth between two servers that run: the silence of their address, and the time."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from dev.bench import terraform
from dev.bench.probe import probing
from dev.bench.table import show
from flakeship.model.ports import SSH

MOVES = 10
PACE = 0.05
"""Seconds between two looks at the page."""
SLOWEST = 10.0
"""Seconds after an update in which the page has to be seen."""

Row = tuple[object, ...]


class Stack(Protocol):
    """A stack of one server."""

    def up(self) -> str:
        """Update it."""

    def address(self) -> str:
        """Where the server is reached."""

    def running(self) -> str:
        """The name of its release."""


def moves(
    stack: Stack,
    pages: Mapping[str, str],
    choose: Callable[[str], None],
    theirs: Callable[[], tuple[float, float]],
    what: str,
) -> None:
    """Measure; `pages` are the answers of the two running releases, the active one last.

    `choose` sets the release that a server is to run. `theirs` has the silence and the seconds of
    Terraform's way to another release, and `what` is the name of that.
    """
    beside: list[Row] = []
    if terraform.there_is_one():
        silence, seconds = theirs()
        beside = [
            (f"Terraform, {what}: silence, once", silence, silence),
            ("  until SSH answers", seconds, seconds),
        ]
    address, names = stack.address(), list(pages)
    found = [
        once(stack, address, names[number % 2], pages[names[number % 2]], choose)
        for number in range(MOVES)
    ]
    silences = sorted(each.silence for each in found)
    rows: list[Row] = [
        ("the address' longest silence", *_middle(silences)),
        (f"  each: {', '.join(f'{each:.2f}' for each in silences)}", "", ""),
        ("from the start of `pulumi up` to its answer", *_middle([each.seen for each in found])),
        ("to the end of `pulumi up`", *_middle([each.whole for each in found])),
        *beside,
    ]
    title = f"{MOVES} moves of an address between two running servers, probed every 20 ms"
    show(title, ("what", "median s", "largest s"), rows)


@dataclass(frozen=True)
class Move:
    """One move: the longest silence, and the seconds until its page was seen and to its end."""

    silence: float
    seen: float
    whole: float


def once(
    stack: Stack, address: str, release: str, page: str, choose: Callable[[str], None]
) -> Move:
    """Move an address to the server of a release."""
    choose(release)
    with probing(address, 80) as heard:
        start = time.perf_counter()
        with first_of(address, page) as seen:
            stack.up()
            whole = time.perf_counter() - start
    assert stack.running() == release
    return Move(heard.silence, seen.at - start, whole)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    return statistics.median(values), max(values)


@dataclass
class Seen:
    """When a page was first seen."""

    at: float = float("nan")


@contextmanager
def first_of(address: str, page: str) -> Iterator[Seen]:
    """Look during a block until an address answers with a page."""
    seen, done, url = Seen(), threading.Event(), f"http://{address}/"

    def look() -> None:
        while not done.wait(PACE):
            with suppress(OSError, HTTPException), urlopen(url, timeout=0.2) as answer:
                if page in answer.read().decode():
                    seen.at = time.perf_counter()
                    return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
        watcher.join(SLOWEST)  # a look that the move has interrupted takes a second
    finally:
        done.set()
        watcher.join()


def to_another_image(
    peer: terraform.Terraform, key: Path, user: str, image: Path
) -> tuple[float, float]:
    """The silence and the seconds of Terraform's own way to another image; nothing is made yet."""
    peer.timed("apply", "-auto-approve")
    address = peer.address()
    with probing(address, SSH) as heard:
        start = time.perf_counter()
        peer.timed("apply", "-auto-approve", f"-var=image={image}")
        # where the server is the same to Terraform, it does not wait for it again
        terraform.answers(key, f"{user}@{address}")
        seconds = time.perf_counter() - start
    return heard.silence, seconds
