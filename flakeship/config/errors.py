"""What is wrong with settings, in the words of the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flakeship.config.fields import Model
from flakeship.config.server import TARGET
from flakeship.config.target import TargetSchema
from flakeship.model.errors import FlakeshipError, SettingError, SettingsError, did_you_mean


def problem(error: ErrorDetails, model: type[Model], schema: TargetSchema) -> SettingError:
    """One of pydantic's errors as an error of ours. `model` is that of the whole settings."""
    where = [part for part in error["loc"] if part != "[key]"]
    key = key_of(where, schema.name)
    given = json.dumps(error["input"], default=str)
    match error["type"]:
        case "extra_forbidden":
            return unknown_key(where, model, schema)
        case "missing":
            return SettingError("is missing", code="setting-missing", key=key)
        case "value_error":
            cause = error["ctx"]["error"]
            # whole sentences of the models begin with the key that they are about
            what = str(cause)
            return cause if isinstance(cause, SettingError) else prefixed(key, what, bool(where))
        case "string_pattern_mismatch":
            allowed = "lower-case letters, digits and dashes"
            return SettingError("is not a valid name", key=key, given=given, allowed=allowed)
    rule = re.sub(r" or instance of \w+", "", error["msg"]).replace("Input should be", "must be")
    return SettingError(rule, key=key, given=given)


def prefixed(key: str, what: str, nested: bool) -> SettingError:
    """An error of a model's own rules; those of the whole stack name the key themselves."""
    if nested:
        return SettingError(what, key=key)
    name, _, rest = what.partition(": ")
    return SettingError(rest, key=key + name) if rest else SettingError(what, key=key)


def unknown_key(
    where: Sequence[str | int], model: type[Model], schema: TargetSchema
) -> SettingError:
    """A key that does not exist here: renamed, moved to the target's block, or misspelled."""
    *path, name = where
    parent = model_at(model, path)
    key, given = key_of(where, schema.name), str(name)
    if new := parent.renamed.get(given):
        return SettingError(
            "is a key of an earlier version", code="setting-renamed", key=key, remedy=f"write {new}"
        )
    block = parent.model_fields.get("options")
    own = keys_of(block.annotation) if block else []
    if given in own:
        return SettingError(
            f"belongs to the target {schema.name}",
            code="setting-moved",
            key=key,
            remedy=f"put it into the block `{schema.name}:` beside it",
        )
    allowed = [schema.name if each == TARGET else each for each in keys_of(parent)]
    near = did_you_mean(given, allowed)
    return SettingError(
        "there is no such key",
        code="setting-unknown",
        key=key,
        allowed="" if near else ", ".join(allowed),
        remedy=near,
    )


def key_of(where: Sequence[str | int], target: str) -> str:
    """A place in the settings as a user writes it."""
    words = [target if part == TARGET else part for part in where]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in words)
    return f"flakeship:{path[1:]}"


def keys_of(model: object) -> list[str]:
    """The keys of a model, sorted."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return sorted(field.alias or name for name, field in model.model_fields.items())


def model_at(model: type[Model], where: Sequence[str | int]) -> type[Model]:
    """The model that a place in the settings is validated by."""
    found: Any = model
    for part in where:
        if isinstance(part, str):
            fields = {field.alias or name: field for name, field in found.model_fields.items()}
            found = fields[part].annotation if part in fields else found
        while not (isinstance(found, type) and issubclass(found, Model)):
            inner = [each for each in get_args(found) if each is not type(None)]
            found = inner[-1] if str(found).startswith("dict") else inner[0]
    model_found: type[Model] = found
    return model_found


def refused_together(problems: Sequence[SettingError]) -> FlakeshipError:
    """One error where there is one, else all of them as one."""
    return problems[0] if len(problems) == 1 else SettingsError(problems)
