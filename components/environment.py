"""What a run reads of states before anything else: its own, and those that it builds on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Statements
from flakeship.release.promotion import KEY, Upstream
from flakeship.state import outputs, statements

from . import resource
from .resource import Recorded


@dataclass(frozen=True)
class Environment:
    """This stack's recorded outputs, the stack that it promotes from, and what people stated."""

    recorded: Recorded
    statements: Statements
    upstream: Upstream | None = None


async def read(promote_from: str) -> Environment:
    """Read them side by side. Raises FlakeshipError for an upstream that cannot be used."""
    await resource.begun()
    own, stated, upstream = await asyncio.gather(
        resource.recorded(), resource.recorded(statements.STACK), _upstream(promote_from)
    )
    assert own is not None, "the engine has made the stack"
    return Environment(own, statements.read((stated or {}).get("outputs", {})), upstream)


async def _upstream(name: str) -> Upstream | None:
    """The stack of a name, with those before it. Raises FlakeshipError: no such, or a cycle."""
    if not name:
        return None
    nearest = await _one(name)
    chain, before = [_short(name)], nearest
    own = pulumi.get_stack()
    while before.outputs.promote_from:
        if own in chain:
            break
        before = await _one(before.outputs.promote_from)
        if _short(before.name) in chain:
            break
        chain.append(_short(before.name))
    if own in chain:
        raise FlakeshipError(
            "the stacks promote from each other, and none of them builds",
            code="promotion-cycle",
            key=KEY,
            given=" <- ".join([own, *chain[: chain.index(own) + 1]]),
            remedy="let the first of them build: remove its promoteFrom and give it a flake",
        )
    return replace(nearest, chain=chain[1:])


async def _one(name: str) -> Upstream:
    found = await resource.recorded(name)
    if found is None:
        raise FlakeshipError(
            "there is no such stack",
            code="stack-unknown",
            key=KEY,
            given=name,
            remedy="name a stack of `pulumi stack ls`, or `organization/project/stack`",
        )
    return Upstream(name, outputs.read(found["outputs"], name))


def _short(name: str) -> str:
    """A stack of this project by its own name alone."""
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/"
    return name.removeprefix(own)
