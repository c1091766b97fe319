"""The settings that one target alone has: its models are made from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flakeship.config.fields import Model

if TYPE_CHECKING:
    from flakeship.config.server import Server
    from flakeship.model.checks import Check


class ServerOptions(Model):
    """The keys of a server that one target alone has: the block `<target>:` of a server."""


class TargetOptions(Model):
    """The keys of a stack that one target alone has: `flakeship:<target>`."""

    @property
    def further_checks(self) -> Mapping[str, Sequence[Check]]:
        """Checks beside those of servers, by the key below the target's block."""
        return {}

    def check(self, servers: Sequence[Server[Any]]) -> None:
        """Refuse servers that contradict each other on this target. Raises SettingError."""
