"""Texts for people as files that are read aloud before they are committed.

`GOLDEN=write` in the environment of pytest writes them anew.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from flakeship.rollout.summary import Summary


def compare(file: Path, summary: Summary) -> None:
    """A summary is as in a file: what a preview shows, and an update at its end."""
    compare_text(file, f"preview:\n{summary.planned}\n\nafter the update:\n{summary.done}\n")


def compare_text(file: Path, text: str) -> None:
    """A text is as in a file."""
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    before = file.read_text() if file.exists() else ""
    if text != before:
        names = (str(file), "what is printed now")
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), *names, lineterm="")
        pytest.fail("\n".join(lines), pytrace=False)
