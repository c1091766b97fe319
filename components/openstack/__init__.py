"""A cloud that runs OpenStack: images in Glance, servers in Nova, addresses in Neutron."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pulumi

from flakeship.config.settings import Settings
from flakeship.release.desired import Desired
from flakeship.targets.openstack import plan as survey
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.plan import StackPlan

from ..nix_image import NixImage
from ..target import Deployed, Planned


class OpenStack:
    """The target `openstack`; see components.target.Target."""

    outputs = survey.OUTPUTS

    def __init__(self, settings: Settings) -> None:
        self.looking = asyncio.create_task(asyncio.to_thread(inspect, settings.openstack.cloud))
        self.survey: StackPlan | None = None

    async def plan(self, wanted: Desired) -> Planned:
        """Plan the servers from one look at the cloud, and refuse what the quota would stop."""
        self.survey = survey.plan_stack(wanted, await self.looking)
        for fact in self.survey.facts:
            pulumi.log.info(fact)
        for note in self.survey.notes:
            pulumi.log.warn(note)
        return Planned(self.survey.records, self.survey.max_image_disk)

    def deploy(self, images: Mapping[str, NixImage]) -> Deployed:
        """Images, servers, verifications and cut-overs."""
        # its types take a third of a second, while the cloud is being looked at
        from .graph import deploy  # noqa: PLC0415

        assert self.survey
        return deploy(self.survey, images)


def target(settings: Settings) -> OpenStack:
    """The target, which begins to look at the cloud."""
    return OpenStack(settings)
