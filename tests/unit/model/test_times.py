"""Times of states, which are data, and how long ago they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flakeship.model import times


@pytest.mark.parametrize("text", ["2026-11-28 10:00:00+00:00", "2026-11-28T12:00:00+02:00"])
def test_a_time_with_its_zone_is_one_in_utc(text: str) -> None:
    found = times.parsed(text)
    assert found == datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert found.tzinfo == UTC


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-28 10:00:00", "0001-01-01 00:00:00+23:59"]
)
def test_anything_else_is_none(text: str) -> None:
    assert times.parsed(text) is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (93784, "1 d 2 h"), (86401, "1 d 1 s")],
)
def test_a_time_has_two_units(seconds: int, told: str) -> None:
    assert times.duration(timedelta(seconds=seconds)) == told
