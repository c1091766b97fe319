"""How often everything is measured, and the middle of what was."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence

RUNS = int(os.environ.get("BENCH_RUNS") or 5)
"""Of each and its peer, in turn: what else the machine does meets them all."""


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}
