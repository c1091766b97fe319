"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

# A shell ignores it for what it starts in the background, and so would each process of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tests that are skipped for one reason are one line with their count, wherever they are."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        report.longrepr = ("tests", None, reason)  # type: ignore[assignment]
    return report
