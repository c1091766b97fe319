"""The environments of a project, in the order of promotion, and what is stated about releases."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Statements
from flakeship.state import choice, statements
from flakeship.state.available import available
from flakeship.state.stack import Stack, exported, setting
from flakeship.system.process import run

PROMOTE_FROM = "flakeship:promoteFrom"
AT_ONCE = 8  # stacks that are read side by side: Pulumi takes a tenth of a second for each


@dataclass(frozen=True)
class Environment:
    """One stack of the project. `promote_from` is the stack before it; empty where it builds.

    `stack` is None where there is no state that this version can read: that of any other has
    readable outputs. `problem` is why nothing can be promoted from it, or to it.
    """

    name: str
    stack: Stack | None = None
    promote_from: str = ""
    problem: FlakeshipError | None = None


@dataclass(frozen=True)
class Project:
    """All stacks, each after the one that it promotes from, and the statements about releases.

    `problem` is why the statements cannot be read.
    """

    environments: Sequence[Environment]
    statements: Statements = field(default_factory=Statements)
    problem: FlakeshipError | None = None


def read_all() -> Project:
    """The selected project. A stack that cannot be read is one with a problem.

    Raises FlakeshipError where Pulumi cannot list them, and for a shell that is prepared for
    another checkout.
    """
    choice.refuse_other_checkout(os.environ, Path.cwd())
    with available("run it in a project's directory, logged in to its backend (`pulumi whoami`)"):
        listed = json.loads(run(["pulumi", "stack", "ls", "--json"]).stdout or "[]")
    names = [str(each["name"]) for each in listed]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        stated = pool.map(_stated, filter(_has_statements, names))
        found = list(pool.map(read, [name for name in names if not _has_statements(name)]))
        return replace(next(stated, Project([])), environments=ordered(found))


def _has_statements(name: str) -> bool:
    return name.rpartition("/")[2] == statements.STACK


def _stated(name: str) -> Project:
    try:
        return Project([], statements.read(exported(name).raw_outputs))
    except FlakeshipError as error:
        return Project([], problem=error)


def read(name: str) -> Environment:
    """One stack of the project; whatever is wrong with it is its problem."""
    found = Environment(name.rpartition("/")[2])  # a service names its organization before it
    try:
        stack = exported(name)
        stack.outputs  # noqa: B018 - read here, where they may fail
        found = replace(found, stack=stack)
        return replace(found, promote_from=_source(stack), problem=_unverified(stack))
    except FlakeshipError as error:
        return replace(found, problem=error)


def _source(stack: Stack) -> str:
    """What the stack promotes from: as it was deployed, or before that as it is set."""
    full = stack.outputs.promote_from
    if stack.outputs.schema is None:
        full = setting(stack, "promoteFrom")
    *before, name = full.split("/")
    other = len(before) > 1 and before[-1] != choice.project(Path.cwd())
    return full if other else name


def _unverified(stack: Stack) -> FlakeshipError | None:
    """Why a stack has no verified release; None where it has one."""
    if stack.outputs.ledger:
        return None
    code, what, remedy = "nothing-verified", "nothing is verified yet", "run `pulumi up`"
    if not stack.resources:
        last = _last_update(stack.name)
        if last.get("kind") == "destroy":
            code, what = "stack-destroyed", f"was destroyed on {str(last.get('endTime'))[:10]}"
            remedy = f"`pulumi up` deploys it again, `pulumi stack rm {stack.name}` removes it"
        else:
            code, what = "stack-never-deployed", "was never deployed"
    return FlakeshipError(what, code=code, key=f"stack {stack.name}", remedy=remedy)


def _last_update(name: str) -> Mapping[str, object]:
    argv = ["pulumi", "stack", "history", "--json", "--page-size=1", f"--stack={name}"]
    found = json.loads(run(argv).stdout or "[]")
    return found[0] if found else {}


def ordered(found: Sequence[Environment]) -> list[Environment]:
    """Each after the one that it promotes from; those of a cycle come last, with the problem."""
    by_name = {each.name: each for each in sorted(found, key=lambda each: each.name)}
    done: list[Environment] = []

    def follow(source: str) -> None:
        for each in by_name.values():
            if each.promote_from == source:
                done.append(each)
                follow(each.name)

    for source in dict.fromkeys(["", *(each.promote_from for each in by_name.values())]):
        if source not in by_name:
            follow(source)
    known = {each.name for each in done}
    cyclic = [each for each in by_name.values() if each.name not in known]
    return [*(_checked(each, by_name) for each in done), *map(_in_cycle, cyclic)]


def _checked(each: Environment, known: Mapping[str, Environment]) -> Environment:
    """An environment with the problem that its `promote_from` names no stack; its own come first.

    A stack of another project, `organization/project/stack`, is not looked for.
    """
    source = each.promote_from
    if each.problem or not source or source in known or "/" in source:
        return each
    problem = FlakeshipError(
        "there is no such stack",
        code="promotion-source-unknown",
        key=f"{PROMOTE_FROM} of stack {each.name}",
        given=source,
        allowed=", ".join(name for name in known if name != each.name),
    )
    return replace(each, problem=problem)


def _in_cycle(each: Environment) -> Environment:
    problem = FlakeshipError(
        "the stacks promote from each other, and none of them builds",
        code="promotion-cycle",
        key=f"{PROMOTE_FROM} of stack {each.name}",
        given=each.promote_from,
        remedy="let the first of them build: remove its promoteFrom",
    )
    return replace(each, problem=each.problem or problem)
