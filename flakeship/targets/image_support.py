"""What a target can boot or publish: told from the manifest, before anything is built.

Each target says it in its own folder (`boots.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from flakeship.model.errors import SettingError
from flakeship.model.release import Release


@dataclass(frozen=True)
class ImageSupport:
    """The image formats and the firmware of a target, and variants of nix/ that have both."""

    formats: tuple[str, ...]
    firmware: tuple[str, ...]
    variants: tuple[str, ...]


def check(release: Release, target: str) -> None:
    """Refuse a release that the target cannot boot. Raises SettingError."""
    boots: ImageSupport = import_module(f"flakeship.targets.{target}.image_support").IMAGES
    for what, given, taken in (
        ("an image of the format", release.format, boots.formats),
        ("an image for the firmware", release.firmware, boots.firmware),
    ):
        if given not in taken:
            raise SettingError(
                f"flakeship:variant: {release.host}.{release.variant} is {what} {given}, and the "
                f"target {target} boots {' and '.join(taken)}; variants that would do: "
                f"{', '.join(boots.variants)}"
            )
