"""Values as JSON and back: inputs and results of resources, and what a stack keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

T = TypeVar("T")

ADAPTER: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""Made once for each type: it takes milliseconds, and a stack has hundreds of values."""


def parse(kind: type[T], text: str) -> T:
    """Read a value that `dump` wrote. Raises pydantic's ValidationError for anything else."""
    found: T = ADAPTER(kind).validate_json(text, strict=True)
    return found


def faults(error: ValidationError) -> list[str]:
    """What is wrong with a value, and where in it."""
    return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]


def plain(value: object) -> dict[str, object]:
    """A dataclass or a model in JSON's own types: a model has a user's keys, without defaults."""
    found: dict[str, object] = json.loads(json.dumps(value, default=_fields))
    return found


def sparse(value: object) -> dict[str, object]:
    """A dataclass in JSON's own types, as short as `parse` can read it: without its defaults."""
    found: dict[str, object] = json.loads(json.dumps(value, default=_given))
    return found


def defaults(value: Any) -> dict[str, object]:  # noqa: ANN401
    """The values that fields of a dataclass have by default, by name."""
    return {
        each.name: each.default if each.default_factory is MISSING else each.default_factory()
        for each in fields(value)
        if (each.default, each.default_factory) != (MISSING, MISSING)
    }


def dump(value: object) -> str:
    """A dataclass or a model as JSON with sorted keys: equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True)


def text(kind: type[T], value: T) -> str:
    """A value of a type as JSON that `parse` reads: of what dataclasses may have beside `plain`."""
    return ADAPTER(kind).dump_json(value).decode()


def variables(value: Any) -> dict[str, str]:  # noqa: ANN401
    """The fields of a dataclass as environment variables.

    A tuple is a line for each of its values; what is empty has no variable.
    """
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        name: "\n".join(map(str, each)) if isinstance(each, tuple) else str(each)
        for name, each in found.items()
        if each
    }


def from_variables(kind: type[T], environment: Mapping[str, str]) -> T:
    """Read what `variables` wrote. Raises pydantic's ValidationError for anything else."""
    found: dict[str, object] = {}
    for name, hint in get_type_hints(kind).items():
        if text := environment.get(name):
            found[name] = text.split("\n") if get_origin(hint) is tuple else text
    read: T = ADAPTER(kind).validate_python(found)
    return read


def whole(value: Any) -> Any:  # noqa: ANN401
    """Plain values with whole numbers as integers: Pulumi's messages have one kind of number."""
    match value:
        case dict():
            return {key: whole(each) for key, each in value.items()}
        case list():
            return [whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _given(value: object) -> object:
    found = _fields(value)
    if is_dataclass(value) and isinstance(found, dict):
        known = defaults(value)
        return {n: each for n, each in found.items() if n not in known or each != known[n]}
    return found


def _fields(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
