"""The target inside a Pulumi program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flakeship.config.settings import AnySettings
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.ssh import keys
from flakeship.targets.local import preflight
from flakeship.targets.local.plan import Machine, plan


@dataclass(frozen=True)
class LocalPlan:
    """See flakeship.targets.base.Plan."""

    machines: list[Machine]
    releases: Mapping[str, Release]
    records: Sequence[Record]
    warnings: Sequence[str]
    facts: Sequence[str] = ()
    max_image_disk: Mapping[str, int] = field(default_factory=dict)


class LocalTarget:
    """See flakeship.targets.base.Target."""

    def __init__(self, stack: str, settings: AnySettings) -> None:
        self._stack = stack
        self._settings = settings

    async def inspect(self) -> None:
        """Nothing yet: planning still reads the workstation itself."""

    def plan(self, desired: Desired, inventory: None) -> LocalPlan:
        """Every machine; what has died and which data disks go."""
        servers = {name: each.details for name, each in desired.outputs.servers.items()}
        identity = keys.identity(self._settings.identity, self._settings.authorized_keys)
        machines = plan(self._settings, desired.releases, self._stack, identity, servers)
        warnings = preflight.warnings(machines, servers)
        return LocalPlan(machines, desired.releases, desired.retained, warnings)
