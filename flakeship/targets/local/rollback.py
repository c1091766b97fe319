"""The way back of a change that has several steps."""

from __future__ import annotations

from collections.abc import Callable

from flakeship.model.errors import FlakeshipError


class Rollback:
    """How to take back each step done so far. Every way back has to be harmless when repeated."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] = []

    def add(self, step: Callable[[], None]) -> None:
        """Note the way back of a step, before it is tried: it may fail half-way."""
        self._steps.append(step)

    def back(self) -> list[str]:
        """Take everything back, last step first, whatever fails; what failed is returned."""
        problems = []
        while self._steps:
            try:
                self._steps.pop()()
            except FlakeshipError as error:
                problems.append(str(error))
        return problems
