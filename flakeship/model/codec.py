"""Values as JSON and back: what command resources read and print, and what a stack keeps."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def parse(kind: type[T], text: str) -> T:
    """Read one of the shapes above; a pydantic ValidationError is a defect of the caller."""
    return TypeAdapter(kind).validate_json(text)


def plain(value: object) -> dict[str, object]:
    """One of the shapes above in JSON's own types; a port as a key becomes text."""
    assert not isinstance(value, type)
    found: dict[str, object] = json.loads(json.dumps(asdict(value)))  # type: ignore[call-overload]
    return found


def dump(value: object) -> str:
    """Write one of the shapes above, with sorted keys: equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True)
