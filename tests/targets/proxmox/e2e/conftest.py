"""Tests with a cluster. Without one they are skipped, and pytest's summary says why."""

from pathlib import Path

import pytest

from tests.targets.proxmox.e2e import lab

HERE = Path(__file__).parent
ALONE = {"test_plugin.py"}
"""What needs no cluster."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = lab.reason_to_skip()
    if why:
        for item in items:
            if item.path.is_relative_to(HERE) and item.path.name not in ALONE:
                item.add_marker(pytest.mark.skip(reason=why))
