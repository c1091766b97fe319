"""The target inside a Pulumi program: one inspection of the cloud, then a pure plan."""

from __future__ import annotations

import asyncio

from flakeship.release.desired import Desired
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.plan import StackPlan, plan_stack
from flakeship.targets.openstack.settings import CloudSettings


class OpenStackTarget:
    """See flakeship.targets.base.Target."""

    def __init__(self, settings: CloudSettings) -> None:
        self._cloud = settings.options.cloud

    async def inspect(self) -> Inventory:
        """Every list of the cloud once, side by side. Raises FlakeshipError."""
        return await asyncio.to_thread(inspect, self._cloud)

    def plan(self, desired: Desired, inventory: Inventory) -> StackPlan:
        """Machines, flavors, images and addresses; refuses what the quota would stop."""
        return plan_stack(desired, inventory)
