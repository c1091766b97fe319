"""What a target brings to take part: `CASE` in tests/targets/<target>/conformance.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import pytest

from flakeship.state.stack import Stack
from tests.conformance.small_engine import Resource


class Case(Protocol):
    """An example of the target: settings, what its provider and others answer, a world."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Keys of `flakeship:` beside `target`, as a user writes them; servers web and db."""

    @property
    def commands(self) -> Mapping[str, Callable[[dict[str, Any]], object]]:
        """The result of each resource type for its inputs; `<Type>.delete` removes one."""

    def provided(self, resource: Resource) -> Mapping[str, Any]:
        """What another provider adds to the inputs of its resource."""

    def inventory(self, resources: Sequence[Resource]) -> Any:
        """What an inspection finds where these resources exist, none before the first run."""

    def world(
        self, patch: pytest.MonkeyPatch, resources: Sequence[Resource]
    ) -> Callable[[], set[str]]:
        """Have these resources exist for the user's commands, and their machines answer.

        Returns what lists everything that exists.
        """

    def orphan(self, stack: Stack) -> str:
        """Have something that a killed run of this stack has left; what the world calls it."""


def case(target: str) -> Case:
    """The case of a target."""
    found: Case = import_module(f"tests.targets.{target}.conformance").CASE
    return found
