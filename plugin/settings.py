"""The arguments of a component as settings of the core, which checks them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flakeship.config import settings
from flakeship.config.errors import NAMESPACE, problem
from flakeship.config.settings import AnySettings
from flakeship.config.target import TargetSchema
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError, RefusedError, SettingsError
from flakeship.model.fields import Model, Word
from flakeship.model.text import lines

SERVER = f"{NAMESPACE}servers[0]."
STACK = (
    *("flake", "host", "variant", "allowImportFromDerivation"),
    *("authorizedKeys", "identity", "bootTimeout"),
)
"""The arguments that are settings of a whole stack in a program of ours."""


class Named(Model):
    """A component whose name becomes part of a file's name."""

    name: Word


def of_server(name: str, args: Mapping[str, Any], schema: TargetSchema) -> AnySettings:
    """The settings of a stack with the one server `name`. Raises SettingError or SettingsError."""
    stack = {key: value for key, value in args.items() if key in STACK}
    server = {key: value for key, value in args.items() if key not in STACK}
    given = {**stack, "servers": [{"name": name, **server}]}
    return settings.validated(codec.whole(given), schema, [schema.name])


def of_image(name: str, args: Mapping[str, Any], schema: TargetSchema) -> AnySettings:
    """The settings of a stack without servers, for the image `name`. Raises as `of_server`."""
    try:
        Named(name=name)
    except ValidationError as error:
        (found,) = error.errors(include_url=False)
        raise problem(found, Named, schema, {}) from error
    return settings.validated(codec.whole({**args, "servers": []}), schema, [schema.name])


def told(error: FlakeshipError | OSError) -> str:
    """An error for people, with the arguments as they are written in the program."""
    return lines(str(renamed(error) if isinstance(error, FlakeshipError) else error))


def renamed(error: FlakeshipError) -> FlakeshipError:
    """A copy that has the arguments of a program for the settings; what was given stays."""
    fields = vars(error) | {"details": tuple(map(_renamed, error.details))}
    for name in ("what", "key", "allowed", "remedy"):
        fields[name] = _renamed(fields[name])
    if isinstance(error, (SettingsError, RefusedError)):
        fields["problems"] = tuple(map(renamed, error.problems))
    found = type(error).__new__(type(error))  # copy() calls __init__, whose arguments differ
    vars(found).update(fields)
    return found


def _renamed(text: str) -> str:
    return text.replace(SERVER, "").replace(NAMESPACE, "")
