"""Reads the corpus: files of bad inputs, one a line, each with the code and the key of its refusal.

A long text is written as `{"$repeat": [[text, times], ...]}`, a long list of one value as
`{"$list": [value, times]}`. A change of a valid example is an object: places such as
`servers[0].ports`, and what is put there.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

Json = Any


def rows(name: str) -> list[dict[str, Json]]:
    """The inputs of a file."""
    text = Path(__file__).with_name(f"{name}.json").read_text()
    found: list[dict[str, Json]] = json.loads(text, object_hook=whole)
    return found


def whole(value: dict[str, Json]) -> Json:
    """What an object in a file stands for."""
    if "$repeat" in value:
        return "".join(text * times for text, times in value["$repeat"])
    if "$list" in value:
        one, times = value["$list"]
        return [one] * times
    return value


def changed(example: Json, changes: dict[str, Json]) -> Json:
    """The example with these values at these places."""
    found = copy.deepcopy(example)
    for place, value in changes.items():
        *path, last = [
            int(part) if part.isdigit() else part
            for part in re.split(r"\.|\[(\d+)\]\.?", place)
            if part
        ] or [place]
        parent = found
        for part in path:
            parent = parent.setdefault(part, {}) if isinstance(parent, dict) else parent[part]
        if isinstance(parent, list) and isinstance(last, int):
            parent[last : last + 1] = [value]
        else:
            parent[last] = value
    return found
