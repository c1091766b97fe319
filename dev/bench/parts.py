"""The parts of a benchmark that were asked for, and the folder that they are measured in."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def chosen(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The parts to measure, all where none is given. Exits with those that there are."""
    if unknown := set(given) - set(known):
        sys.exit(f"bench: {', '.join(sorted(unknown))}: the parts are {', '.join(known)}")
    return [*(given or known)]


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder for a project, which is gone afterwards with those beside it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "project")
        path.mkdir()
        yield path
