"""The arguments of a component as settings of the core, which checks them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flakeship.config import settings
from flakeship.config.errors import NAMESPACE
from flakeship.config.settings import AnySettings
from flakeship.config.target import TargetSchema
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.text import lines

SERVER = "servers[0]."
STACK = (
    *("flake", "host", "variant", "allowImportFromDerivation"),
    *("authorizedKeys", "identity", "bootTimeout"),
)
"""The arguments that are settings of a whole stack in a program of ours."""


def of_server(name: str, args: Mapping[str, Any], schema: TargetSchema) -> AnySettings:
    """The settings of a stack with the one server `name`. Raises SettingError or SettingsError."""
    stack = {key: value for key, value in args.items() if key in STACK}
    server = {key: value for key, value in args.items() if key not in STACK}
    given = {**stack, "servers": [{"name": name, **server}]}
    return settings.validated(codec.whole(given), schema, [schema.name])


def of_image(args: Mapping[str, Any], schema: TargetSchema) -> AnySettings:
    """The settings of a stack without servers. Raises as `of_server`."""
    return settings.validated(codec.whole({**args, "servers": []}), schema, [schema.name])


def told(error: FlakeshipError | OSError) -> str:
    """An error for people, with the arguments as they are written in the program."""
    if isinstance(error, FlakeshipError):
        for each in (error, *getattr(error, "problems", ())):
            each.key = each.key.removeprefix(NAMESPACE).removeprefix(SERVER)
            each.remedy = each.remedy.replace(NAMESPACE, "")
    return lines(str(error))
