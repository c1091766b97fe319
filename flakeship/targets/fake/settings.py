"""The settings that only this target has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flakeship.config.server import Server, ServerOptions
from flakeship.config.settings import TargetOptions
from flakeship.model.fields import Decimal, Name, Text


class FakeSettings(TargetOptions):
    """The keys of `flakeship:fake`."""

    zone: Name = "a"
    """Where new machines are; a server whose zone changes gets another machine."""


class FakeOptions(ServerOptions):
    """The block `fake:` of a server."""

    fail: list[Text] = []
    """The names of the checks that fail."""
    boot_seconds: Annotated[float, Field(ge=0, le=3600), Decimal] = 0
    """How long a new machine takes to start, in seconds."""


FakeServer = Server[FakeOptions]
