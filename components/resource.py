"""A resource of Flakeship's own provider."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, TypedDict, TypeVar

import pulumi

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.exact import refuse_inexact
from flakeship.state.resources import ANSWER, ERROR, PREPARE, REQUEST, RESULT, token
from flakeship.targets.base import Preloaded, TargetSpec

T = TypeVar("T")

OUTPUTS = "pulumi:pulumi:readStackOutputs"
"""The engine's own function by which a StackReference reads the outputs of a stack."""
UNKNOWN = "unknown stack"
"""What it says of a stack that does not exist."""
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

    Each is a property of its own: a preview shows what is known of it, and no defaults.
    """
    defaults = codec.defaults(request)
    later = {name: it for name, it in known_later.items() if it != defaults.get(name, MISSING)}
    # a default that comes later may take the place of something else
    kept = {name: it for name, it in codec.sparse(request).items() if name not in known_later}
    return {**kept, **later}


class Recorded(TypedDict):
    """The outputs of a stack as its state has them, in plain, and the names of those encrypted."""

    outputs: Mapping[str, Any]
    secretOutputNames: Sequence[str]


async def begun() -> None:
    """Wait until the stack itself is registered. A program reads states after it, and before it
    declares or calls anything: a backend of files is read while the engine writes it, unless
    nothing else is noted in it.
    """
    if stack := pulumi.runtime.get_root_resource():
        await stack.urn.future()


async def recorded(stack: str = "") -> Recorded | None:
    """The outputs of a stack of this backend, by default of this very one; None: there is no such.

    `stack` is a name in this project, or `organization/project/stack`.
    """
    own = [pulumi.get_organization(), pulumi.get_project(), stack or pulumi.get_stack()]
    name = stack if "/" in stack else "/".join(own)
    try:
        # no StackReference: a preview would show all of it
        found: Recorded = await pulumi.runtime.invoke_async(OUTPUTS, {"name": name})
    except Exception as error:  # the SDK has no narrower one
        if UNKNOWN in str(error):
            return None
        raise FlakeshipError(
            f"its outputs cannot be read: {error}",
            code="stack-unavailable",
            key=f"stack {stack or pulumi.get_stack()}",
            remedy="check the connection to Pulumi's backend, and run it again",
        ) from error
    return found


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
