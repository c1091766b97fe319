"""What is wrong with settings, in the words of the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from flakeship.config.server import TARGET
from flakeship.config.target import TargetSchema
from flakeship.model.errors import SettingError, did_you_mean
from flakeship.model.fields import Model

NAMESPACE = "flakeship:"
Where = Sequence[str | int]


def problem(error: ErrorDetails, model: type[Model], schema: TargetSchema) -> SettingError:
    """One of pydantic's errors as an error of ours. `model` is that of the whole settings."""
    where = [part for part in error["loc"] if part != "[key]"]
    key = _written(where, schema.name)
    given = json.dumps(error["input"], default=str)
    match error["type"]:
        case "extra_forbidden":
            return _unknown(where, model, schema)
        case "missing":
            return SettingError("is missing", code="setting-missing", key=key)
        case "value_error":
            what = str(error["ctx"]["error"])
            name, _, rest = what.partition(": ")
            if rest and not where:  # a rule of the whole stack begins with the key it is about
                return SettingError(rest, key=key + name)
            return SettingError(what, key=key)
        case "string_pattern_mismatch":
            allowed = "lower-case letters, digits and dashes"
            return SettingError("is not a valid name", key=key, given=given, allowed=allowed)
    rule = re.sub(r" or instance of \w+", "", error["msg"]).replace("Input should be", "must be")
    return SettingError(rule, key=key, given=given)


def _unknown(where: Where, model: type[Model], schema: TargetSchema) -> SettingError:
    parent = _model_at(model, where[:-1])
    key, given = _written(where, schema.name), str(where[-1])
    if new := parent.renamed.get(given):
        return SettingError(
            "is a key of an earlier version", code="setting-renamed", key=key, remedy=f"write {new}"
        )
    known = _by_key(parent)
    if TARGET in known and given in _by_key(_model_at(parent, [TARGET])):
        return SettingError(
            f"belongs to the target {schema.name}",
            code="setting-moved",
            key=key,
            remedy=f"put it into the block `{schema.name}:` beside it",
        )
    allowed = [schema.name if each == TARGET else each for each in sorted(known)]
    near = did_you_mean(given, allowed)
    return SettingError(
        "there is no such key",
        code="setting-unknown",
        key=key,
        allowed="" if near else ", ".join(allowed),
        remedy=near,
    )


def _written(where: Where, target: str) -> str:
    words = [target if part == TARGET else part for part in where]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in words)
    return NAMESPACE + path[1:]


def _by_key(model: type[Model]) -> Mapping[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[Model], where: Where) -> type[Model]:
    found: Any = model
    for part in where:
        if isinstance(part, str) and part in _by_key(found):
            found = _by_key(found)[part].annotation
        while not (isinstance(found, type) and issubclass(found, Model)):
            inner = [each for each in get_args(found) if each is not type(None)]
            found = inner[-1] if str(found).startswith("dict") else inner[0]
    model_found: type[Model] = found
    return model_found
