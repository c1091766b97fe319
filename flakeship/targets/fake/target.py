"""The target inside a Pulumi program: one inspection of the cloud, then a pure plan."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.release.desired import Desired
from flakeship.targets.fake import cloud
from flakeship.targets.fake.plan import FakePlan, plan_stack


@dataclass(frozen=True)
class FakeTarget:
    """See flakeship.targets.base.Target."""

    stack: str

    async def inspect(self) -> cloud.Cloud:
        """Everything that is in the cloud."""
        return cloud.read(self.stack)

    def plan(self, desired: Desired, inventory: cloud.Cloud) -> FakePlan:
        """The machines of every server, and the images that stay."""
        return plan_stack(desired, inventory)
