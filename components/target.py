"""What the program hands to a target, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi

from flakeship.model.evidence import Evidence
from flakeship.model.release import Record
from flakeship.release.desired import Desired

from .nix_image import NixImage


@dataclass(frozen=True)
class Planned:
    """The records that stay beside the wanted releases: the others, and what is still needed.

    `max_image_disk` is the smallest root disk in MiB for each release, by name, whose image has an
    unknown size.
    """

    records: list[Record]
    max_image_disk: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployed:
    """The evidence of every verification, and the target's own stack outputs.

    `each` are those that have an entry for every server, which is true as soon as its cut-over is
    done: name of the output, then of the server.
    """

    evidence: list[pulumi.Output[Evidence]]
    each: Mapping[str, Mapping[str, pulumi.Output[Any]]]
    outputs: Mapping[str, pulumi.Output[Any]] = field(default_factory=dict)


class Target(Protocol):
    """A folder below components/targets: where images and servers live.

    It is made with the settings, before anything is evaluated, so that it can start to look around.
    """

    outputs: tuple[str, ...]
    """The stack outputs that are the target's own; they come back as `Wanted.before`."""

    async def plan(self, wanted: Desired) -> Planned:
        """Plan everything, without any change; says what a preview should say.

        Raises FlakeshipError.
        """

    def deploy(self, images: Mapping[str, NixImage]) -> Deployed:
        """Declare what was planned, from the images of all releases that stay, by their names."""
