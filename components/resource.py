"""A resource of Flakeship's own provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi

from flakeship.model import codec
from flakeship.model.exact import refuse_inexact
from flakeship.state.resources import PREPARE, RESULT

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


def prepare(target: str) -> None:
    """Let the provider start, and import what it needs to change resources of a target."""
    pulumi.runtime.invoke_output(PREPARE, {"target": target})
