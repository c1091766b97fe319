"""Values that differ from another one in one place, which a signature must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def changes(value: Any, texts: Callable[[str], Iterable[str]]) -> Iterator[Any]:
    """Plain values that differ in one place; `texts` are the changes of a text."""
    match value:
        case dict():
            for key, each in value.items():
                yield from ({**value, key: other} for other in changes(each, texts))
        case list():
            for number, each in enumerate(value):
                before, after = value[:number], value[number + 1 :]
                yield [*before, *after]
                yield from ([*before, other, *after] for other in changes(each, texts))
        case bool():
            yield not value
        case int() | float():
            yield value + 1
        case str():
            yield from texts(value)
