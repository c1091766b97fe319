"""Measured values as a table."""

from __future__ import annotations

from collections.abc import Sequence


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: the first column is text, the others are numbers or texts."""
    cells = [list(head), *([cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print(f"\n{title}\n")
    for row in (cells[0], ["-" * width for width in widths], *cells[1:]):
        first, *rest = zip(row, widths, strict=True)
        print(
            "| " + " | ".join([f"{first[0]:<{first[1]}}", *(f"{t:>{w}}" for t, w in rest)]) + " |"
        )
    print(flush=True)


def cell(value: object) -> str:
    """A number with two digits behind the point, anything else as it is."""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
