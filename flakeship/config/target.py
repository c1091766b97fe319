"""What the core has to know of a target to read its settings and to refuse what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # operations import a target's specification, and have no use for models of settings
    from flakeship.config.server import ServerOptions
    from flakeship.config.settings import TargetOptions


DEFAULT = "local"
"""The target of a stack that names none."""


@dataclass(frozen=True)
class ImageSupport:
    """The image formats and the firmware that a target boots, and the variants with both."""

    formats: tuple[str, ...]
    firmware: tuple[str, ...]
    variants: tuple[str, ...]  # the first is built where the settings name none
    systems: tuple[str, ...] = ()
    """The platforms of its machines, such as `x86_64-linux`; empty: only its inventory tells."""


@dataclass(frozen=True)
class Features:
    """What settings may ask of a target; a setting that asks for more is refused."""

    data_disks: bool = False  # disks that outlive machines
    host_ports: bool = False  # ports of the workstation that lead to a server
    sources: bool = False  # ports that only some networks reach (`allowFrom`)
    standby: bool = False  # older machines stay running (`standbyReleases`)
    no_servers: bool = False  # a stack may publish images alone
    secrets: bool = False  # what a run records for the next one may hold some, such as user data


class TargetSchema(Protocol):
    """The part of a target's specification that concerns settings."""

    name: str
    """The value of flakeship:target, and the key of its own settings."""
    features: Features
    images: ImageSupport
    checks: frozenset[str]
    """The names of the checks that it adds; a user's check may not have them."""

    @property
    def settings(self) -> type[TargetOptions]:
        """The model of flakeship:<name>."""

    @property
    def server(self) -> type[ServerOptions]:
        """The model of the block <name> of a server."""
