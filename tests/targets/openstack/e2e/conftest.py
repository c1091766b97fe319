"""Tests in a real cloud. Without the lab they are skipped, and pytest's summary says why."""

from pathlib import Path

import pytest

from tests.targets.openstack.e2e import lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = lab.reason_to_skip()
    if why:
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(pytest.mark.skip(reason=why))
