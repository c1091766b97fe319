"""Values that fit a JSON schema, but for some leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.values import INTEGERS, Json, texts, values

Schema = Mapping[str, Any]


def fitting(schema: Schema, known: Mapping[str, Json]) -> st.SearchStrategy[Json]:
    """Values of a schema; `known` has good values for keys that no schema tells (a path, a hash).

    One leaf in 24 is anything, and each object lacks some of its keys.
    """
    definitions = schema.get("$defs", {})

    def of(part: Schema, depth: int) -> st.SearchStrategy[Json]:  # noqa: PLR0911 - one a kind
        if "$ref" in part:
            part = definitions[part["$ref"].rpartition("/")[2]]
        if depth > 6:
            return st.none()
        if "const" in part or "enum" in part:
            return leaf(st.sampled_from(part.get("enum") or [part["const"]]))
        if options := part.get("anyOf") or part.get("oneOf"):
            return st.one_of([of(each, depth) for each in options])
        match part.get("type"):
            case "object":
                return objects(part, depth)
            case "array":
                items = part.get("items") or {}
                return leaf(st.lists(of(items, depth + 1), max_size=3)) if items else values
            case "integer" | "number":
                low, high = part.get("minimum", 0), part.get("maximum", 70000)
                return leaf(st.integers(int(low), int(high)) | st.sampled_from(INTEGERS))
            case "boolean":
                return leaf(st.booleans())
            case "string" if "pattern" in part:
                pattern = re.sub(r"\$$", r"\\Z", part["pattern"])
                return leaf(st.from_regex(pattern) | texts)
            case "string":
                return leaf(texts)
        return values

    def leaf(good: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
        return st.integers(0, 23).flatmap(lambda chance: good if chance else values)

    def objects(part: Schema, depth: int) -> st.SearchStrategy[Json]:
        keys = part.get("properties", {})
        if not keys:
            inner = part.get("additionalProperties")
            inner = of(inner, depth + 1) if isinstance(inner, Mapping) else values
            names = part.get("propertyNames", {}).get("pattern") or "^[a-z]{1,3}$"
            return leaf(st.dictionaries(st.from_regex(names) | texts, inner, max_size=3))
        fields = {
            key: leaf(st.just(known[key])) if key in known else of(each, depth + 1)
            for key, each in keys.items()
        }
        needed = {key: fields[key] for key in part.get("required", ())}
        others = {key: fields[key] for key in fields if key not in needed}
        return leaf(st.fixed_dictionaries(needed, optional=others))

    return of(schema, 0)
