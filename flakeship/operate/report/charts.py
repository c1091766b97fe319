"""Bars: image sizes and check times over releases, with a scale of round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 30  # bars of a chart: the newest ones
TICKS = 5  # at most, without that at zero
LEAST = 0.001  # of the unit: what is shorter is not recorded


@dataclass(frozen=True)
class Bar:
    """One bar: what it is of, and its parts, each with the unit of the chart."""

    label: str
    parts: Sequence[float]

    @property
    def total(self) -> float:
        """The whole length."""
        return sum(self.parts)


@dataclass(frozen=True)
class Segment:
    """A part of a drawn bar: where it begins and how long it is, in percent of the width."""

    start: float
    length: float


@dataclass(frozen=True)
class Chart:
    """Bars below each other, from the newest one. `left_out` are older ones that are not drawn."""

    title: str
    unit: str
    parts: Sequence[str]
    bars: Sequence[Bar]
    left_out: int = 0

    @property
    def most(self) -> float:
        """The end of the scale: the first tick that no bar goes beyond."""
        step = self.step
        longest = max((bar.total for bar in self.bars), default=0.0)
        return step * max(math.ceil(longest / step - 1e-9), 1)

    @property
    def step(self) -> float:
        """The distance of two ticks: 1, 2 or 5 times a power of ten."""
        longest = max((bar.total for bar in self.bars), default=0.0) or 1.0
        power = 10.0 ** math.floor(math.log10(longest / TICKS))
        return next(n * power for n in (1, 2, 5, 10) if longest / (n * power) <= TICKS)

    @property
    def ticks(self) -> list[tuple[str, float]]:
        """The numbers of the scale, each with its place in percent."""
        number = round(self.most / self.step)
        return [(f"{i * self.step:g}", 100 * i / number) for i in range(number + 1)]

    def segments(self, bar: Bar) -> list[Segment]:
        """The parts of a bar as they are drawn."""
        found, start = [], 0.0
        for part in bar.parts:
            length = 100 * part / self.most
            found.append(Segment(round(start, 3), round(length, 3)))
            start += length
        return found

    def value(self, bar: Bar) -> str:
        """The numbers of a bar as text."""
        numbers = " + ".join(f"{part:.1f}" for part in bar.parts)
        return f"{numbers} {self.unit}"

    @property
    def description(self) -> str:
        """The chart in a sentence or two, for those who do not see it."""
        if not self.bars:
            return "No value is recorded."
        least, most = (f(self.bars, key=lambda it: it.total) for f in (min, max))
        newest = self.bars[0]
        return (
            f"{len(self.bars)} bars, the newest first. The newest, {newest.label}, has "
            f"{self.value(newest)}; the shortest, {least.label}, {self.value(least)}; the longest, "
            f"{most.label}, {self.value(most)}."
        )


def chart(title: str, unit: str, parts: Sequence[str], bars: Sequence[Bar]) -> Chart:
    """The chart of the newest bars, which come first; one without a length is left out."""
    drawn = [bar for bar in bars if bar.total >= LEAST]
    return Chart(title, unit, parts, drawn[:MOST], len(drawn[MOST:]))
