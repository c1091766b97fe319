"""The target of an existing stack, and its operator."""

from __future__ import annotations

from flakeship.model.errors import FlakeshipError, did_you_mean
from flakeship.state.outputs import newer
from flakeship.state.stack import Stack, configuration
from flakeship.targets import registry
from flakeship.targets.base import Operator, TargetSpec


def spec(stack: Stack) -> TargetSpec:
    """The target that a stack was last deployed to or, before its first run, that of its settings.

    Raises FlakeshipError for outputs that cannot be read.
    """
    outputs = stack.outputs
    if not outputs.target:
        configured = configuration(stack).get("flakeship:target", {})
        return registry.spec(str(configured.get("value", "local")))
    if outputs.target not in registry.names():
        raise newer(stack.name, outputs.version, f"which has no target {outputs.target}")
    return registry.spec(outputs.target)


def operator(stack: Stack) -> Operator:
    """What serves the user's commands on a stack."""
    return spec(stack).operator(stack)


def unknown_server(stack: Stack, name: str) -> FlakeshipError:
    """The stack has no server, and no machine, of that name."""
    servers = stack.outputs.servers
    return FlakeshipError(
        "there is no such server",
        code="server-unknown",
        key=name,
        allowed=", ".join(servers),
        remedy=did_you_mean(name, servers),
    )


def nothing_verified(stack: Stack) -> FlakeshipError:
    """The stack has no verified release yet."""
    return FlakeshipError(
        "nothing is verified yet",
        code="nothing-verified",
        key=f"stack {stack.name}",
        remedy="Run `pulumi up`",
    )
