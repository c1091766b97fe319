"""Files that are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

STATE = ".state"
"""The name of the directory that all files of Flakeship are in."""


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step: a reader sees the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def read(path: Path) -> str:
    """The text of a file, empty where there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def tidy(directory: Path) -> None:
    """Remove a directory and its parents, up to `.state`, as far as they are empty."""
    parts = directory.parts
    top = parts.index(STATE) if STATE in parts else len(parts) - 1
    for path in [directory, *directory.parents][: len(parts) - top]:
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return
