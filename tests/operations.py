"""Runs an operation of the provider in a process of its own, without an engine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flakeship.model import codec
from flakeship.provider.operations import CREATE, Operation

COMMAND: Sequence[str] = (sys.executable, "-m", "flakeship", "internal", "operate")
"""It reads what `creation` writes, and prints the result."""


def creation(token: str, request: object, previous: str = "") -> str:
    """Make a resource; `request` is its inputs as their type, or as plain values."""
    return codec.dump(Operation(token, CREATE, codec.dump(request), previous))
