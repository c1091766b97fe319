"""`flakeship promote`: `pulumi up` of a stack that takes the releases of another one."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.release.promotion import EXPECTED, KEY
from flakeship.state.stack import Stack, exported, setting


def command(stack: Stack, upstream: str, options: Sequence[str] = (), *, yes: bool) -> list[str]:
    """The argv of the update, which shows the changes and asks; `options` of Pulumi's come last.

    Raises FlakeshipError where the stack's settings name another stack than `upstream`, if given.
    """
    known = source(stack)
    if not known:
        raise FlakeshipError(
            "promotes from no stack",
            code="promotion-elsewhere",
            key=f"stack {stack.name}",
            given=upstream,
            remedy=f"name a stack that does: `make promote TO=STACK`, or `flakeship --stack STACK "
            f"promote`. {KEY} in its settings says from where",
        )
    if upstream and upstream != known:
        raise FlakeshipError(
            f"promotes from the stack {known}",
            code="promotion-elsewhere",
            key=f"stack {stack.name}",
            given=upstream,
            remedy=f"run `make promote FROM={known} TO={stack.name}`; {KEY} in its settings says "
            "from where",
        )
    return update(stack, options, yes=yes)


def update(stack: Stack, options: Sequence[str], *, yes: bool) -> list[str]:
    """The argv of an update of a stack, which asks unless told `yes`; `options` come last."""
    asked = ["--yes", "--skip-preview"] if yes else []
    return ["pulumi", "up", "--suppress-outputs", *asked, "--stack", stack.name, *options]


def expected(stack: Stack) -> dict[str, str]:
    """The variable that keeps an update to what runs now in the stack that it promotes from.

    Somebody confirms what the preview has shown, and the update reads that stack again. Raises
    FlakeshipError where it cannot be read.
    """
    return {EXPECTED: " ".join(exported(source(stack)).outputs.running.values())}


def source(stack: Stack) -> str:
    """The stack that another one promotes from, by its settings; empty: none."""
    return setting(stack, "promoteFrom")
