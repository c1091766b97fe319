"""Tables of keys from a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

HEADER = ("| key | type | allowed | default | description |", "| --- | --- | --- | --- | --- |")
SIZE = "MiB"
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}


def table(schema: Schema, links: Mapping[str, str], hidden: str = "") -> list[str]:
    """The lines of a table with a row for every key of an object.

    `links` are the titles of the sections about other objects, by the name of their definition. The
    key `hidden` is left out.
    """
    lines = list(HEADER)
    required = schema.get("required", ())
    for key, field in schema["properties"].items():
        if key != hidden:
            default = "required" if key in required else shown(field)
            text = field.get("description", "")
            cells = [f"`{key}`", type_of(field, links), allowed(field), default, text]
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def type_of(field: Schema, links: Mapping[str, str]) -> str:
    """What a value is, in words, with its unit."""
    if "$ref" in field:
        title = links[field["$ref"].rpartition("/")[2]]
        return f"[{title}](#{anchor(title)})"
    if "anyOf" in field:
        kinds = [type_of(each, links) for each in field["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(filter(None, kinds)))
    if "const" in field:
        return literal(field["const"]) if field["const"] else ""
    if field["type"] == "array":
        return f"list: {type_of(field['items'], links)}"
    if field["type"] == "object":
        values = field.get("patternProperties", {"": field.get("additionalProperties")}).values()
        return f"map: name to {type_of(next(iter(values)), links)}"
    words = "size" if field.get("unit") == SIZE else TYPES[field["type"]]
    return f"{words} of {field['unit']}" if "unit" in field and words != "size" else words


def allowed(field: Schema) -> str:
    """The values to choose from, the range of a number, or what a text has to look like."""
    if "enum" in field:
        return ", ".join(literal(each) for each in field["enum"])
    if found := [each for each in field.get("anyOf", ()) if allowed(each)]:
        return allowed(found[0])
    title = str(field.get("title", ""))
    if title[:1].islower() and "anyOf" not in field:  # pydantic's own are capitalized
        return title
    return f"`{field['pattern']}`" if "pattern" in field else span(field)


def span(field: Schema) -> str:
    """The range of a number; empty where it has none."""
    low = field.get("minimum")
    above = field.get("exclusiveMinimum", field.get("gt"))
    high = field.get("maximum", field.get("le"))
    if field.get("unit") == SIZE and high is not None:
        return f"up to {high // 1024**2}T"
    if above == 0 and field["type"] == "integer":
        low, above = 1, None
    least = f"above {above}" if above is not None else "" if low is None else str(low)
    return f"{least} to {high}" if high is not None else least and f"from {least}"


def shown(field: Schema) -> str:
    """The default value of a key that may be left out."""
    value = field.get("default")
    empty = value in (None, "", [], {}) or isinstance(value, dict)
    return "" if empty else literal(value)


def literal(value: object) -> str:
    """A value as it is written in YAML."""
    text = value if isinstance(value, str) and value else json.dumps(value)
    return f"`{text}`"


def anchor(title: str) -> str:
    """The link to a section, as Markdown readers make it of a title."""
    kept = [letter for letter in title.lower() if letter.isalnum() or letter in " -_"]
    return "".join(kept).replace(" ", "-")
