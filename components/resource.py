"""A resource of Flakeship's own provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, TypeVar

import pulumi

from flakeship.model import codec
from flakeship.state.resources import PREPARE, RESULT

T = TypeVar("T")
Inputs = Mapping[str, pulumi.Input[Any]]


class Resource(pulumi.CustomResource):
    """Its inputs are the fields of what it is asked; its one output beside them is `result`.

    Where a user asks to replace it, the old one goes first: both are the same object.
    """

    result: pulumi.Output[Any]

    def __init__(
        self, token: str, name: str, inputs: Inputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        own = pulumi.ResourceOptions(delete_before_replace=True)
        merged = pulumi.ResourceOptions.merge(opts, own)
        super().__init__(token, name, {**inputs, RESULT: None}, merged)

    def answer(self, kind: type[T]) -> pulumi.Output[T]:
        """The result, as a value."""
        return self.result.apply(lambda plain: codec.parse(kind, json.dumps(codec.whole(plain))))


def inputs(request: object, **known_later: pulumi.Input[Any]) -> Inputs:
    """The fields of a request as inputs, some of them from other resources.

    Each is a property of its own: a preview shows what is known of it, and no defaults.
    """
    defaults = codec.defaults(request)
    later = {name: it for name, it in known_later.items() if it != defaults.get(name, MISSING)}
    # a default that comes later may take the place of something else
    kept = {name: it for name, it in codec.sparse(request).items() if name not in known_later}
    return {**kept, **later}


def prepare(target: str) -> None:
    """Let the provider start, and import what it needs to change resources of a target."""
    pulumi.runtime.invoke_output(PREPARE, {"target": target})
