"""Plots: the scale has round numbers, and no bar leaves it."""

from __future__ import annotations

import pytest

from flakeship.operate.report.charts import MOST, Bar, chart


@pytest.mark.parametrize(
    ("longest", "ticks"),
    [
        (43.0, "0 10 20 30 40 50"),
        (50.0, "0 10 20 30 40 50"),
        (1.0, "0 0.2 0.4 0.6 0.8 1"),
        (0.007, "0 0.002 0.004 0.006 0.008"),
        (26.5, "0 10 20 30"),
        (1e9, "0 2e+08 4e+08 6e+08 8e+08 1e+09"),
    ],
)
def test_the_scale(longest: float, ticks: str) -> None:
    found = chart("t", "s", ["a"], [Bar("x", [longest]), Bar("y", [longest / 3])])
    assert [text for text, _ in found.ticks] == ticks.split()
    assert [place for _, place in found.ticks][-1] == pytest.approx(100)
    (segment,) = found.segments(found.bars[0])
    assert segment.start == 0
    assert 50 <= segment.length <= 100


def test_parts_are_beside_each_other() -> None:
    bar = Bar("web", [10.0, 5.0])
    found = chart("t", "s", ["a", "b"], [bar])
    first, second = found.segments(bar)
    assert (first.start, second.start) == (0, first.length)
    assert first.length == pytest.approx(2 * second.length, abs=0.01)
    assert found.value(bar) == "10.0 + 5.0 s"


def test_only_the_newest_are_drawn_and_nothing_without_a_length() -> None:
    bars = [Bar(f"r{number}", [float(number % 2)]) for number in range(200)]
    found = chart("t", "s", ["a"], bars)
    assert [bar.label for bar in found.bars] == [f"r{2 * n + 1}" for n in range(MOST)]
    assert found.left_out == 100 - MOST


def test_a_text_says_what_is_seen() -> None:
    found = chart("t", "s", ["a"], [Bar("b", [2.0]), Bar("a", [3.0]), Bar("c", [1.0])])
    assert "newest, b, has 2.0 s" in found.description
    assert "shortest, c, 1.0 s" in found.description
    assert "longest, a, 3.0 s" in found.description
    assert chart("t", "s", ["a"], []).description == "No value is recorded."
