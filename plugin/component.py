"""What the components of the package have in common."""

from __future__ import annotations

from typing import Any, Protocol

import pulumi

from flakeship.model.text import lines


class Component(Protocol):
    """A class of components.

    `prepare` does what waits, before anything is declared: Pulumi's SDK makes components one after
    the other in the thread that serves everything else, too.
    """

    @staticmethod
    async def prepare(name: str, args: Any, stack: str) -> object:  # noqa: ANN401
        """What the core has found out for the component. Raises FlakeshipError."""

    def __call__(
        self,
        name: str,
        args: Any,  # noqa: ANN401
        opts: pulumi.ResourceOptions | None,
        found: Any,  # noqa: ANN401
    ) -> pulumi.ComponentResource:
        """Declare it; `found` is what `prepare` has returned."""


def warn(component: pulumi.Resource, *texts: str) -> None:
    """Show warnings beside a component; they may hold what a flake says."""
    for text in texts:
        pulumi.log.warn(lines(text), component)
