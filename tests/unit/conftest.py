"""No unit test depends on what the checkout that it runs in has deployed."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is empty, and has no `.state`."""
    monkeypatch.chdir(tmp_path)
