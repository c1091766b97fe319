"""Going back and forth between two servers that run: the silence of their address, and the time."""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from dev.bench.openstack import peers
from dev.bench.openstack.probe import probing
from dev.bench.table import show
from tests.targets.openstack.e2e.project import WEB, CloudStack

MOVES = 10
PACE = 0.05
"""Seconds between two looks at the page."""
SLOWEST = 10.0
"""Seconds after an update in which the page has to be seen."""


def moves(stack: CloudStack, pages: dict[str, str], images: list[Path]) -> None:
    """Measure; `pages` are the answers of the two running releases, the active one last."""
    theirs: list[tuple[object, ...]] = []
    if shutil.which("terraform"):
        silence, seconds = in_place(stack, images)
        theirs = [
            ("Terraform, another image for the server: silence, once", silence, silence),
            ("  until SSH answers", seconds, seconds),
        ]
    address = stack.address()
    names = list(pages)
    silences, answered, whole = [], [], []
    for number in range(MOVES):
        release = names[number % 2]
        configure(stack, release)
        with probing(address, 80) as heard:
            start = time.perf_counter()
            with first_of(address, pages[release]) as page:
                stack.up()
                whole.append(time.perf_counter() - start)
        assert stack.running() == release
        silences.append(heard.silence)
        answered.append(page.at - start)
    rows: list[tuple[object, ...]] = [
        ("the address' longest silence", statistics.median(silences), max(silences)),
        (f"  each: {', '.join(f'{each:.2f}' for each in sorted(silences))}", "", ""),
        ("from the start of `pulumi up` to its answer", statistics.median(answered), max(answered)),
        ("to the end of `pulumi up`", statistics.median(whole), max(whole)),
        *theirs,
    ]
    title = f"{MOVES} moves of an address between two running servers, probed every 20 ms"
    show(title, ("what", "median s", "largest s"), rows)


def configure(stack: CloudStack, release: str = "") -> None:
    """One server, of the flake or of a release; two releases keep running."""
    stack.settings(WEB, retainReleases=2, release=release, openstack={"pool": peers.POOL})


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


def in_place(stack: CloudStack, images: list[Path]) -> tuple[float, float]:
    """The silence and the seconds of Terraform's own way to another release."""
    old, new = images
    key = stack.path / ".state/id_ed25519"
    with peers.terraform(old, key) as other:
        other.timed("apply", "-auto-approve")
        address = other.address()
        with probing(address, 22) as heard:
            start = time.perf_counter()
            other.timed("apply", "-auto-approve", f"-var=image={new}")
            # the server is the same to Terraform, which does not wait for it again
            peers.answers(key, address)
            seconds = time.perf_counter() - start
    return heard.silence, seconds
