"""The targets that there are: every folder beside this file that has a `spec.py`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from flakeship.model.errors import SettingError, did_you_mean
from flakeship.targets.base import TargetSpec


def names() -> list[str]:
    """The names of all targets, sorted."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/spec.py"))


def spec(name: str, key: str = "flakeship:target") -> TargetSpec:
    """The target of a name. Raises SettingError, naming `key`, where there is none."""
    known = names()
    if name not in known:
        raise SettingError(
            "unknown target",
            code="target-unknown",
            key=key,
            given=name,
            allowed=", ".join(known),
            remedy=did_you_mean(name, known),
        )
    found: TargetSpec = import_module(f"{__package__}.{name}.spec").SPEC
    return found
