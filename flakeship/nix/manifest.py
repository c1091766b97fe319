"""Reads the manifest of a flake (docs/reference/manifest.md).

The schema of a manifest is flakeship.model.release.Manifest with the number below. The checks in
Nix read it as JSON Schema from nix/lib/manifest.schema.json; to rewrite that after a change:

    python -m flakeship.nix.manifest > nix/lib/manifest.schema.json
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flakeship.model.errors import FlakeshipError, shown
from flakeship.model.release import Manifest, Release

SCHEMA = 1
"""A change that an earlier reader or an earlier manifest does not allow for raises it."""
LONGEST = 65536  # characters of a manifest
FILES = {"netboot": 3}  # a kernel, an initrd and a script; of any other format 1


def read(text: str, attribute: str) -> Release:
    """The release of a manifest, which `attribute` names. Raises FlakeshipError if it is wrong."""
    if len(text) > LONGEST:
        raise FlakeshipError(
            f"the manifest has {len(text)} characters",
            code="manifest-invalid",
            key=attribute,
            allowed=f"up to {LONGEST}",
        )
    try:
        given = TypeAdapter(dict[str, Any]).validate_json(text)
    except ValidationError as error:
        raise FlakeshipError(
            "the manifest is not a JSON object",
            code="manifest-invalid",
            key=attribute,
            given=text,
            remedy="write it by docs/reference/manifest.md",
        ) from error
    number = given.pop("schema", None)
    if type(number) is not int or number != SCHEMA:
        raise _other_schema(number, attribute)
    try:
        found = TypeAdapter(Manifest).validate_json(json.dumps(given), strict=True, extra="forbid")
    except ValidationError as error:
        raise _fault(error, attribute) from error
    files = FILES.get(found.format, 1)
    if len({*found.files}) != files or len(found.files) != files:
        raise FlakeshipError(
            f"files does not fit the format {found.format} (docs/reference/manifest.md)",
            code="manifest-invalid",
            key=attribute,
            given=json.dumps(found.files),
            allowed=f"{files} different paths" if files > 1 else "1 path",
        )
    return Release(**vars(found))


def schema() -> dict[str, Any]:
    """The JSON schema of a manifest."""
    made = TypeAdapter(Manifest).json_schema()
    number = {"const": SCHEMA, "title": str(SCHEMA), "description": "The number of this schema."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The manifest of a release",
        "type": "object",
        "properties": {"schema": number, **made["properties"]},
        "required": ["schema", *made["required"]],
        "additionalProperties": False,
    }


def _other_schema(number: object, attribute: str) -> FlakeshipError:
    newer = isinstance(number, int) and number > SCHEMA
    written = "without a schema" if number is None else f"for schema {shown(json.dumps(number))}"
    return FlakeshipError(
        f"the manifest is written {written}, this Flakeship reads schema {SCHEMA}",
        code="manifest-newer" if newer else "manifest-older",
        key=attribute,
        remedy="update this Flakeship"
        if newer
        else "update Flakeship in the flake (`nix flake update flakeship`), or write the manifest "
        "by docs/reference/manifest.md",
    )


def _fault(error: ValidationError, attribute: str) -> FlakeshipError:
    """What is wrong with the first key that does not fit."""
    first, keys = error.errors()[0], schema()["properties"]
    name, given = str(first["loc"][0]), json.dumps(first["input"], default=str)
    if name not in keys:
        what, allowed = "is not a key of a manifest", ", ".join(sorted(keys))
    else:
        what = f"does not fit manifest schema {SCHEMA}"
        allowed = ", ".join(keys[name].get("enum", [keys[name]["title"]]))
    if first["type"] == "missing":
        what, given = "is missing in the manifest", ""
    return FlakeshipError(
        f"{shown(name)} {what} (docs/reference/manifest.md)",
        code="manifest-invalid",
        key=attribute,
        given=given,
        allowed=allowed,
    )


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
