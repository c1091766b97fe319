"""What is wrong with settings, in the words of the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from flakeship.config.server import TARGET
from flakeship.config.target import TargetSchema
from flakeship.model.errors import KEY, SettingError, did_you_mean, shown
from flakeship.model.fields import Model

NAMESPACE = "flakeship:"
Where = Sequence[str | int]


RULES = {
    "string_type": "must be text",
    "string_unicode": "must be text of Unicode characters",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "too_long": "must have at most {max_length} entries",
    "string_pattern_mismatch": "is not valid",
}
"""What is wrong by pydantic's type of the error, where its own words are those of Python."""


def problem(
    error: ErrorDetails, model: type[Model], schema: TargetSchema, settings: Mapping[str, Any]
) -> SettingError:
    """One of pydantic's errors as an error of ours. `model` is that of the whole `settings`."""
    where = [part for part in error["loc"] if part != "[key]"]
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    found = SettingError(error["msg"].replace("Input should be", "must be"))
    match kind:
        case "extra_forbidden":
            found = _unknown(where, model, schema)
        case "missing":
            found = SettingError(
                "is missing", code="setting-missing", remedy="see docs/reference/settings.md"
            )
        case "value_error":
            found = SettingError(str(context["error"]))
        case "wrong":
            found = SettingError(
                context["what"], allowed=context["allowed"], remedy=context["remedy"]
            )
            if context["at"]:
                where.append(context["at"])
                value = value.get(context["at"]) if isinstance(value, Mapping) else None
        case "string_pattern_mismatch":
            found = SettingError(RULES[kind], allowed=_titles(model)[context["pattern"]])
        case "too_long" if isinstance(value, str):
            found = SettingError(RULES["string_too_long"].format(**context))
        case _ if kind in RULES:
            found = SettingError(RULES[kind].format(**context))
    # a private key may stand in the place of the whole list, too
    hidden = context.get("hide") or where[:1] == ["authorizedKeys"]
    if kind not in {"extra_forbidden", "missing"} and not hidden:
        found.given = shown(json.dumps(value, default=str, ensure_ascii=False))
    found.key = shown(_written(where, schema.name), KEY)
    found.of = names(settings, where)
    return found


def names(settings: object, where: Where) -> str:
    """What the numbers in a key stand for: `server web, port 80`."""
    found = []
    for key, part in zip(["", *where], where, strict=False):
        try:
            settings = settings[part]  # type: ignore[index]
        except (LookupError, TypeError):
            break
        name: object = settings if key == "ports" else None
        if isinstance(settings, Mapping):
            name = settings.get("name", settings.get("port"))
        named = isinstance(name, (str, int)) and not isinstance(name, bool) and name != ""
        if isinstance(part, int) and named:
            found.append(f"{str(key).removesuffix('s')} {shown(str(name), 40)}")
    return ", ".join(found)


def _titles(kind: Any) -> dict[str, str]:  # noqa: ANN401
    """What each pattern in a model or a type allows, in words."""
    found: dict[str, str] = {}
    parts: list[Any] = [kind]
    while parts:
        part = parts.pop()
        if isinstance(part, FieldInfo):
            patterns = (getattr(each, "pattern", None) for each in part.metadata)
            found |= {pattern: part.title or "" for pattern in patterns if pattern}
            parts.append(part.annotation)
        elif isinstance(part, type) and issubclass(part, Model):
            parts += part.model_fields.values()
        else:
            parts += (*get_args(part), *getattr(part, "__metadata__", ()))
    return found


def _unknown(where: Where, model: type[Model], schema: TargetSchema) -> SettingError:
    parent = _model_at(model, where[:-1])
    given = str(where[-1])
    if new := parent.renamed.get(given):
        return SettingError(
            "is a key of an earlier version", code="setting-renamed", remedy=f"write {new}"
        )
    known = _by_key(parent)
    if TARGET in known and given in _by_key(_model_at(parent, [TARGET])):
        return SettingError(
            f"belongs to the target {schema.name}",
            code="setting-moved",
            remedy=f"put it into the block `{schema.name}:` beside it",
        )
    allowed = [schema.name if each == TARGET else each for each in sorted(known)]
    near = did_you_mean(given, allowed)
    return SettingError(
        "there is no such key",
        code="setting-unknown",
        allowed="" if near else ", ".join(allowed),
        remedy=near or ("" if allowed else "remove it: there are none here"),
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
