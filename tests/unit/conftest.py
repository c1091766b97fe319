"""A cloud that tests can log in to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import fake_cloud


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_cloud.Cloud]:
    """The only cloud that is configured, as `fake`."""
    with fake_cloud.running(tmp_path) as (made, file):
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        monkeypatch.delenv("OS_CLOUD", raising=False)
        yield made
