"""What is tried: something of ours that is given a bad input, and the promises that hold for all.

Whatever the input is, it is accepted or refused by an error of ours, in bounded time; nothing in
the working directory changes; the refusal is text that a terminal can show, not longer than a page.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from flakeship.model.errors import FlakeshipError
from flakeship.verify.checks.verdict import Failed

REFUSALS = (FlakeshipError, Failed)

SECONDS = 3.0
"""Of processor time for one input, on a slow machine."""

PAGE = 20_000
"""Characters of the longest message: several settings may be wrong, each with a line of its own."""

UNFIT = re.compile(
    r"[^\n\t\x20-\x7e\xa0-\U0010ffff]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What no message has: control characters, and what turns the order of text."""

Files = Mapping[str, bytes | None]
"""The files of a working directory, by their paths; None is a directory."""


@dataclass(frozen=True)
class Subject:
    """Something that reads what others wrote: `act` is tried with values of `inputs`.

    `act` returns anything, or raises a refusal. `files` lays the working directory out.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    act: Callable[[Any], object]
    files: Callable[[Any], Files] = field(default=lambda _: {})
    says: bool = True
    """Whether its refusals are for a person, and not yet evidence that is cleaned elsewhere."""

    def hold(self, value: Any, seen: Counter[str]) -> None:
        """Try one value. Raises AssertionError, or what `act` must not raise."""
        with workplace(self.files(value)) as place:
            before, started = tree(place), time.thread_time()
            try:
                self.act(value)
                seen["accepted"] += 1
            except REFUSALS as refusal:
                seen[getattr(refusal, "code", "failed")] += 1
                if self.says:
                    readable(str(refusal))
            took = time.thread_time() - started
            assert took < SECONDS, f"{took:.1f} s of processor time"
            assert tree(place) == before, "the working directory has changed"


def readable(message: str) -> None:
    """Check that a message can be shown as it is."""
    message.encode()  # raises UnicodeEncodeError, a ValueError, for lone surrogates
    unfit = UNFIT.search(message)
    assert not unfit, f"{unfit[0]!r} in {message[:300]!r}"
    assert len(message) < PAGE, f"{len(message)} characters: {message[:300]!r}"


@contextmanager
def workplace(files: Files) -> Iterator[Path]:
    """A working directory with these files; the process is in there."""
    former = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        for path, content in files.items():
            file = Path(name, path)
            (file if content is None else file.parent).mkdir(parents=True, exist_ok=True)
            if content is not None:
                file.write_bytes(content)
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(former)


def tree(place: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a directory: its mode, its time of change, and its content."""
    found = {}
    for file in sorted(place.rglob("*")):
        state = file.lstat()
        content = file.read_bytes() if file.is_file() else b""
        found[str(file)] = (state.st_mode, state.st_mtime_ns, content)
    return found


def attempt(
    subject: Subject, settings: hypothesis.settings, seen: Counter[str], seed: int | None = None
) -> None:
    """Try a subject, and count how inputs ended. Raises what the smallest bad one did."""

    @settings
    @given(subject.inputs)
    def hold(value: Any) -> None:
        subject.hold(value, seen)

    (hold if seed is None else hypothesis.seed(seed)(hold))()
