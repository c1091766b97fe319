"""Every field of every target's settings is strict: whoever adds one is held to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from flakeship.config.settings import Settings
from flakeship.model.fields import Model
from flakeship.targets import registry

NO_NUMBERS: list[Any] = [
    True,
    False,
    "٣",
    "010",
    "0x10",
    "1_0",
    " 1",
    "1\n",
    "",
    "1e3",
    math.nan,
    [],
]
NO_FLAGS: list[Any] = [0, 1, "yes", "on", "", None, []]
NO_TEXTS: list[Any] = [True, 1, None, b"x", [], "\ud800"]
HIDDEN = ["a\0", "a\n", "\x1b[2J", "a\u202eb", "\x9b", "a\u200b"]
LONG = ("run", "send", "contains", "user_data")
"""Texts of several lines, or of any bytes."""
KEYS = ("authorized_keys", "approvers", "signers")
"""Public keys: a block in YAML ends with a newline, which is left out."""


def models(kind: Any, found: set[type[Model]]) -> set[type[Model]]:
    """A model and all that are in its fields."""
    if isinstance(kind, type) and issubclass(kind, Model):
        if kind not in found:
            found.add(kind)
            for field in kind.model_fields.values():
                models(field.annotation, found)
    else:
        for part in get_args(kind):
            models(part, found)
    return found


def leaves(kind: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[type, Any]]:
    """The plain types in a type, each as it is validated."""
    if isinstance(kind, type) and kind in (int, float, bool, str):
        yield kind, Annotated[kind, *metadata] if metadata else kind
    elif hasattr(kind, "__metadata__"):
        inner = tuple(m for m in kind.__metadata__ if not isinstance(m, FieldInfo) or m.metadata)
        yield from leaves(kind.__origin__, (*inner, *metadata))
    else:
        for part in get_args(kind):
            if not isinstance(part, str):
                yield from leaves(part)


FIELDS = [
    pytest.param(plain, whole, name, id=f"{target}-{model.__name__}-{name}-{number}")
    for target in registry.names()
    for model in sorted(
        models(
            Settings[registry.spec(target).settings, registry.spec(target).server],  # type: ignore[misc]
            set(),
        ),
        key=lambda model: model.__name__,
    )
    for name, field in model.model_fields.items()
    for number, (plain, whole) in enumerate(leaves(field.annotation, tuple(field.metadata)))
]


def test_there_are_fields() -> None:
    assert {plain for plain, *_ in (each.values for each in FIELDS)} == {int, float, bool, str}


@pytest.mark.parametrize(("plain", "whole", "name"), FIELDS)
def test_a_field_refuses_what_it_is_not(plain: type, whole: Any, name: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(whole, config=ConfigDict(strict=True))
    wrong = {int: NO_NUMBERS, float: NO_NUMBERS, bool: NO_FLAGS, str: NO_TEXTS}[plain]
    hidden = HIDDEN if plain is str and name not in LONG else []
    if name in KEYS:
        hidden = [value for value in hidden if value.strip() == value]
    for value in (*wrong, *hidden):
        with pytest.raises(ValidationError):
            print(name, repr(value), adapter.validate_python(value))
