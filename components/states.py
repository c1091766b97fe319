"""What a run reads of states before anything else: its own, and those that it builds on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import reduce

import pulumi

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Statements
from flakeship.release.promotion import KEY, Upstream
from flakeship.state import outputs, statements
from flakeship.state.outputs import StackOutputs

from . import resource
from .resource import Recorded


@dataclass(frozen=True)
class States:
    """This stack's recorded outputs, the stack that it promotes from, and what people stated."""

    recorded: Recorded
    statements: Statements
    upstream: Upstream | None = None


async def read(promote_from: str) -> States:
    """Read them side by side. Raises FlakeshipError for an upstream that cannot be used."""
    await resource.begun()
    name = qualified(promote_from) if promote_from else ""
    # those of the project that releases come from count here as well
    projects = dict.fromkeys(each.rpartition("/")[0] for each in (qualified(), name) if each)
    stated = asyncio.gather(*map(_statements, projects))
    own, upstream = await asyncio.gather(resource.recorded(), _upstream(name))
    assert own is not None, "the engine has made the stack"
    return States(own, reduce(Statements.with_more, await stated), upstream)


async def _statements(project: str) -> Statements:
    found = await resource.recorded(f"{project}/{statements.STACK}")
    return statements.read(found["outputs"] if found else {})


async def _upstream(name: str) -> Upstream | None:
    """The stack of a full name, empty: none. Raises FlakeshipError: no such one, or a cycle."""
    if not name:
        return None
    found = await resource.recorded(name)
    if found is None:
        raise FlakeshipError(
            "there is no such stack",
            code="stack-unknown",
            key=KEY,
            given=shown(name),
            remedy="name a stack of `pulumi stack ls`, or `organization/project/stack`",
        )
    nearest = Upstream(shown(name), outputs.read(found["outputs"], name))
    await _refuse_cycle(name, nearest.outputs)
    return nearest


async def _refuse_cycle(name: str, known: StackOutputs) -> None:
    """Refuse stacks that promote from each other. One that is gone or unreadable ends a chain."""
    own, chain = qualified(), [name]
    while own not in chain and known.promote_from:
        name = qualified(known.promote_from, within=name)
        found = None if name in chain else await resource.recorded(name)
        if found is None:
            return
        chain.append(name)
        try:
            known = outputs.read(found["outputs"], name)
        except FlakeshipError:
            return
    if own in chain:
        raise FlakeshipError(
            "the stacks promote from each other, and none of them builds",
            code="promotion-cycle",
            key=KEY,
            given=" <- ".join(shown(each) for each in [own, *chain]),
            remedy="let the first of them build: remove its promoteFrom and give it a flake",
        )


def qualified(name: str = "", *, within: str = "") -> str:
    """The full name of a stack, by default of this very one.

    A short one is of the project of the stack `within`, by default of this project.
    """
    if "/" in name:
        return name
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    project = (within or own).rpartition("/")[0]
    return f"{project}/{name}" if name else own


def shown(name: str) -> str:
    """A stack of this project by its own name alone."""
    return name.removeprefix(f"{qualified().rpartition('/')[0]}/")
