"""The target of an existing stack, and its operator."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError
from flakeship.state.stack import Stack, configuration
from flakeship.targets import registry
from flakeship.targets.base import Operator, TargetSpec


def spec(stack: Stack) -> TargetSpec:
    """The target that a stack was last deployed to or, before its first run, that of its settings.

    Raises FlakeshipError for outputs that cannot be read.
    """
    name = stack.outputs.target
    if not name:
        name = str(configuration(stack).get("flakeship:target", {}).get("value", "local"))
    return registry.spec(name)


def operator(stack: Stack) -> Operator:
    """What serves the user's commands on a stack."""
    return spec(stack).operator(stack)


def nothing_verified(stack: Stack) -> FlakeshipError:
    """The stack has no verified release yet."""
    return FlakeshipError(
        "nothing is verified yet",
        code="nothing-verified",
        key=f"stack {stack.name}",
        remedy="Run `pulumi up`",
    )
