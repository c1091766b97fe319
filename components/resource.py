"""A resource of Flakeship's own provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pulumi

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.exact import refuse_inexact
from flakeship.state.resources import ANSWER, ERROR, PREPARE, REQUEST, RESULT, token
from flakeship.targets.base import Preloaded, TargetSpec

T = TypeVar("T")
Inputs = Mapping[str, pulumi.Input[Any]]


class Resource(pulumi.CustomResource):
    """Its inputs are the fields of what it is asked; its one output beside them is `result`.

    Where a user asks to replace it, the old one goes first: both are the same object. Raises
    FlakeshipError for an input that cannot be a property.
    """

    result: pulumi.Output[Any]

    def __init__(
        self, token: str, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        refuse_inexact(inputs, name)
        own = pulumi.ResourceOptions(delete_before_replace=True)
        merged = pulumi.ResourceOptions.merge(opts, own)
        super().__init__(token, name, {**inputs, RESULT: None}, merged)

    def answer(self, kind: type[T]) -> pulumi.Output[T]:
        """The result, as a value."""
        return self.result.apply(lambda plain: codec.parse(kind, json.dumps(codec.whole(plain))))


def inputs(request: object, **known_later: pulumi.Input[Any]) -> Inputs:
    """The fields of a request as inputs, some of them from other resources.

    Each is a property of its own: a preview shows what is known of it.
    """
    return {**codec.plain(request), **known_later}


def prepare(target: str, what: Preloaded) -> None:
    """Let the provider start, and import what it needs for a target."""
    pulumi.runtime.invoke_output(PREPARE, {"target": target, "for": what})


@dataclass(frozen=True)
class Functions:
    """Calls the functions of a target in the provider: see flakeship.targets.base.Call."""

    spec: TargetSpec

    async def __call__(self, name: str, request: object) -> Any:  # noqa: ANN401
        """The answer of a function. Raises FlakeshipError."""
        given = {REQUEST: codec.dump(request)}
        called = token(self.spec.name, name)
        try:
            found = await pulumi.runtime.invoke_async(called, given)
        except Exception as error:  # the SDK has no narrower one
            raise FlakeshipError(str(error), key=called) from error
        if ERROR in found:
            raise FlakeshipError(**found[ERROR])
        return codec.parse(self.spec.functions()[name].answer, found[ANSWER])
