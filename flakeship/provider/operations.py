"""What an operation on a resource does, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.state import choice, resources
from flakeship.targets import registry
from flakeship.targets.base import LoggedIn, ResourceType, TargetSpec

CREATE, DELETE = "create", "delete"
OTHER_VERSION = "a stack that was deployed by another version is destroyed by that version"


@dataclass(frozen=True)
class Operation:
    """Make a resource of a type or bring it up to date, or delete it.

    `inputs` is JSON, and so is `previous`: the result in the state, empty where there is none.
    `logins` are those of earlier operations, see flakeship.targets.base.LoggedIn.
    """

    token: str
    action: str
    inputs: str
    previous: str = ""
    logins: str = field(default="", repr=False)


def find(token: str) -> ResourceType:
    """The type of a resource. Raises FlakeshipError where there is none of this name."""
    spec = _spec(token)
    types = spec.resource_types().items()
    known = {resources.token(spec.name, name): kind for name, kind in types}
    if token not in known:
        raise FlakeshipError(
            "unknown resource type",
            code="resource-type-unknown",
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
    kind = find(operation.token)
    if operation.action == DELETE and kind.delete is None:
        return {}  # whatever its inputs are
    asked = request(operation.token, operation.inputs)
    if operation.action == DELETE:
        assert kind.delete
        kind.delete(asked, operation.previous)
        return {}
    answer = kind.create(asked, operation.previous)
    return {} if answer is None else codec.plain(answer)


def logins(operation: Operation) -> AbstractContextManager[LoggedIn]:
    """Go on from the logins of earlier operations."""
    return _spec(operation.token).logins(operation.logins)


def target(token: str) -> str:
    """The target of a type: the middle of `flakeship:<target>:<Type>`."""
    return token.partition(":")[2].partition(":")[0]


def _spec(token: str) -> TargetSpec:
    return registry.spec(target(token), "resource type")


def preload(name: str) -> None:
    """Import what the operations of a target need, so that each fork has it."""
    registry.spec(name, "resource type").preload()
