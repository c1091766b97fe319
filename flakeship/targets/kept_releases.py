"""The releases of a plan, on targets that keep the images of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.rollout.retention import Retention


class Context(Protocol):
    """What a target plans from."""

    @property
    def desired(self) -> Desired:
        """What is desired."""


class KeptReleases:
    """The part of flakeship.targets.base.Plan about releases; a plan has both as its fields."""

    context: Context
    retention: Retention

    @property
    def releases(self) -> Mapping[str, Release]:
        """The desired release of each host, as the ledger has it where it is in there."""
        return self.context.desired.as_verified

    @property
    def records(self) -> list[Record]:
        """The verified releases that stay beside the desired ones."""
        return self.retention.records

    @property
    def instead_of_files(self) -> Mapping[str, str]:
        """Nothing, unless a target can do without them."""
        return {}

    def release(self, name: str) -> Release:
        """A release that stays, by its name."""
        kept = [*self.releases.values(), *(record.release for record in self.records)]
        return next(release for release in kept if release.name == name)
