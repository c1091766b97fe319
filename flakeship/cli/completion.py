"""The stack that a command is for, and the names in it that complete an argument."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from flakeship.model.errors import FlakeshipError
from flakeship.state import stack
from flakeship.state.outputs import StackOutputs


def choose(name: str | None) -> None:
    """Work in the project's directory, which Pulumi looks for upwards, and on a named stack."""
    here = Path.cwd()
    projects = (each for each in (here, *here.parents) if (each / "Pulumi.yaml").is_file())
    os.chdir(next(projects, here))
    if name:
        os.environ["PULUMI_STACK"] = name


def servers(context: click.Context, _parameter: object, start: str) -> list[str]:
    """The names of the stack's servers, for completion."""
    return completed(context, start, lambda outputs: outputs.servers)


def release_names(context: click.Context, _parameter: object, start: str) -> list[str]:
    """The names in the stack's ledger, for completion."""
    return completed(context, start, lambda outputs: [each.name for each in outputs.ledger])


def completed(
    context: click.Context, start: str, names: Callable[[StackOutputs], Iterable[str]]
) -> list[str]:
    """The names that begin like that; none where the stack cannot be read."""
    # what the group does: it is not run for a completion
    choose(context.parent.params.get("name") if context.parent else None)
    try:
        return [name for name in names(stack.selected().outputs) if name.startswith(start)]
    except (FlakeshipError, OSError):
        return []
