"""The properties of a resource: Pulumi's messages as plain values, and what differs in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime.rpc import UNKNOWN

from flakeship.model import codec
from flakeship.model.exact import below
from flakeship.state.resources import RESULT

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
COUNTERS = {"boot", "generation", "publication", "repair"}
"""Inputs that count: another number makes something again, or puts it right (decision 0016)."""
Plain = dict[str, Any]


def plain(message: struct_pb2.Struct) -> Plain:
    """The values of a message; whole numbers are integers again."""
    fields = message.fields.items()
    return {key: _plain(value) for key, value in fields if not key.startswith("__")}


def _plain(value: struct_pb2.Value) -> Any:  # noqa: ANN401
    # JSON's own conversion raises for NaN, before anybody could say where it is
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: _plain(each) for key, each in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(each) for each in value.list_value.values]
        case "number_value":
            return codec.whole(value.number_value)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def message(values: Mapping[str, object]) -> struct_pb2.Struct:
    """Plain values as a message."""
    found = struct_pb2.Struct()
    found.update(values)
    return found


def inputs(values: Mapping[str, Any]) -> Plain:
    """Of what a state has, what the resource was asked."""
    return {key: value for key, value in values.items() if key not in {RESULT, "id"}}


def is_known(value: object) -> bool:
    """Whether a value has no part that only the update itself will bring."""
    match value:
        case dict():
            return all(map(is_known, value.values()))
        case list():
            return all(map(is_known, value))
        case _:
            return value != UNKNOWN


def differences(old: object, new: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Each place that differs, in Pulumi's notation, and how: `("ports[0].port", CHANGED)`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            place = below(path, key)
            if key not in new:
                yield place, REMOVED
            elif key not in old:
                yield place, ADDED
            else:
                yield from differences(old[key], new[key], place)
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            place = f"{path}[{number}]"
            if number >= len(new):
                yield place, REMOVED
            elif number >= len(old):
                yield place, ADDED
            else:
                yield from differences(old[number], new[number], place)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, CHANGED


def told(found: Mapping[str, str]) -> dict[str, str]:
    """The differences that a preview shows: a counter says nothing beside another one."""
    return {path: how for path, how in found.items() if top(path) not in COUNTERS} or dict(found)


def top(path: str) -> str:
    """The name of the input that a place is in."""
    return path.partition(".")[0].partition("[")[0]
