"""The settings of a stack as Pulumi has them now, for commands that need the flake."""

from __future__ import annotations

from flakeship.config import settings
from flakeship.config.settings import AnySettings
from flakeship.config.target import TargetSchema
from flakeship.state.stack import Stack, configuration
from flakeship.targets import registry


def read(stack: Stack) -> tuple[AnySettings, TargetSchema]:
    """The settings and their target. Raises SettingError, and SettingsError for several."""
    known = configuration(stack)
    return settings.read(
        {key: each.get("value", "") for key, each in known.items()},
        registry.spec,
        registry.names(),
        lambda key: bool(known[key]["secret"]),
    )
