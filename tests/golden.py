"""Texts for people as files that are read aloud before they are committed.

`GOLDEN=write` in the environment of pytest writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from flakeship.rollout.summary import Summary


def compare(file: Path, summary: Summary) -> None:
    """A summary is as in a file: what a preview shows, and an update at its end."""
    text = f"preview:\n{summary.planned}\n\nafter the update:\n{summary.done}\n"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
