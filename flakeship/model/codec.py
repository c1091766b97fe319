"""Values as JSON and back: inputs and results of resources, and what a stack keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

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


def dump(value: object) -> str:
    """A dataclass or a model as JSON with sorted keys: equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True)


def text(kind: type[T], value: T) -> str:
    """A value of a type as JSON that `parse` reads: of what dataclasses may have beside `plain`."""
    return ADAPTER(kind).dump_json(value).decode()


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


def _fields(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
