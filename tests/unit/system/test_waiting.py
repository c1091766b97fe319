"""Lines for the person who waits: at growing intervals, and about nothing that is quick."""

from __future__ import annotations

import time

import pytest

from flakeship.system.waiting import Waiting


def test_few_lines_that_move(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    caplog.set_level("INFO")
    waiting = Waiting("web: no login")
    asked: list[int] = []

    def seen() -> str:
        asked.append(round(now[0] - 100))
        return "refused" if len(asked) == 1 else ""

    for _ in range(1200):
        now[0] += 0.25
        waiting.still(seen)
    assert asked == [5, 10, 20, 40, *range(70, 281, 30)]  # what costs time is not asked for more
    assert caplog.messages[:2] == ["web: no login after 5 s: refused", "web: no login after 10 s"]
