"""One folder per target; adding one touches nothing else."""

from __future__ import annotations

import importlib

from flakeship.config.settings import Settings

from ..target import Target


def load(settings: Settings) -> Target:
    """The stack's target. The others are not imported: a cloud's SDK takes half a second."""
    target: Target = importlib.import_module(f"..{settings.target}", __package__).target(settings)
    return target
