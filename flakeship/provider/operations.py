"""What an operation on a resource does, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.exact import refuse_inexact
from flakeship.state import choice, resources
from flakeship.targets import registry
from flakeship.targets.base import Function, LoggedIn, Preloaded, ResourceType, TargetSpec

CREATE, DELETE, CALL = "create", "delete", "call"
OTHER_VERSION = "a stack that was deployed by another version is destroyed by that version"


T = TypeVar("T")


@dataclass(frozen=True)
class Operation:
    """Make a resource of a type or bring it up to date, delete it, or call a function.

    `inputs` is JSON, and so is `previous`: the result in the state, empty where there is none.
    `logins` are those of earlier operations, see flakeship.targets.base.LoggedIn.
    """

    token: str
    action: str
    inputs: str
    previous: str = ""
    logins: str = field(default="", repr=False)

    @property
    def needs(self) -> Preloaded:
        """What its process is to have imported."""
        return "functions" if self.action == CALL else "operations"


def find(token: str) -> ResourceType:
    """The type of a resource. Raises FlakeshipError where there is none of this name."""
    return _named(token, _spec(token).resource_types(), "resource type")


def find_function(token: str) -> Function:
    """A function. Raises FlakeshipError where there is none of this name."""
    return _named(token, _spec(token).functions(), "function")


def _named(token: str, given: Mapping[str, T], what: str) -> T:
    known = {resources.token(target(token), name): each for name, each in given.items()}
    if token not in known:
        raise FlakeshipError(
            f"unknown {what}",
            code=f"{what.replace(' ', '-')}-unknown",
            given=token,
            allowed=", ".join(known),
            remedy=OTHER_VERSION,
        )
    return known[token]


def request(token: str, inputs: str) -> Any:  # noqa: ANN401
    """The inputs as the value that the type takes. Raises FlakeshipError for any other."""
    kind = find(token).request
    return read(lambda: codec.parse(kind, inputs), token, "inputs")


def read(value: Callable[[], Any], key: str, what: str) -> Any:  # noqa: ANN401
    """What `key` is given. Raises FlakeshipError for what another version has written."""
    try:
        return value()
    except ValidationError as error:
        raise FlakeshipError(
            f"its {what} cannot be read",
            code="state-unreadable",
            key=key,
            remedy=OTHER_VERSION,
            details=codec.faults(error),
        ) from error


def run(operation: Operation) -> Mapping[str, object]:
    """Run an operation; its result as plain values. Raises FlakeshipError."""
    choice.refuse_other_checkout(os.environ, Path.cwd())
    if operation.action == CALL:
        return _answer(operation)
    kind = find(operation.token)
    if operation.action == DELETE and kind.delete is None:
        return {}  # whatever its inputs are
    asked = request(operation.token, operation.inputs)
    if operation.action == DELETE:
        assert kind.delete
        kind.delete(asked, operation.previous)
        return {}
    answer = kind.create(asked, operation.previous)
    result = {} if answer is None else codec.plain(answer)
    refuse_inexact(result, resources.RESULT)
    return result


def _answer(operation: Operation) -> Mapping[str, object]:
    """Call a function. Its error is an answer too: the program shows it, and not the engine."""
    try:
        function = find_function(operation.token)
        asked = read(
            lambda: codec.parse(function.request, operation.inputs), operation.token, "request"
        )
        return {resources.ANSWER: codec.text(function.answer, function.call(asked))}
    except FlakeshipError as error:
        return {resources.ERROR: error.fields()}


def logins(operation: Operation) -> AbstractContextManager[LoggedIn]:
    """Go on from the logins of earlier operations."""
    return _spec(operation.token).logins(operation.logins)


def target(token: str) -> str:
    """The target of a type: the middle of `flakeship:<target>:<Type>`."""
    return token.partition(":")[2].partition(":")[0]


def _spec(token: str) -> TargetSpec:
    return registry.spec(target(token), "resource type")


def preload(name: str, what: Preloaded) -> None:
    """Import what the functions or operations of a target need, so that each fork has it."""
    registry.spec(name, "resource type").preload(what)
