"""The target inside a Pulumi program: one inspection of the workstation, then a pure plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from flakeship.config.settings import AnySettings
from flakeship.release.desired import Desired
from flakeship.targets.local.inspect import inspect
from flakeship.targets.local.inventory import LocalInventory
from flakeship.targets.local.plan import LocalPlan, plan_servers


@dataclass(frozen=True)
class LocalTarget:
    """See flakeship.targets.base.Target."""

    stack: str
    settings: AnySettings

    async def inspect(self) -> LocalInventory:
        """The stack's machines and files on the workstation. Raises FlakeshipError."""
        return await asyncio.to_thread(inspect, self.stack, self.settings)

    def plan(self, desired: Desired, inventory: LocalInventory) -> LocalPlan:
        """The servers; refuses what could not run here. Raises FlakeshipError."""
        return plan_servers(desired, inventory)
