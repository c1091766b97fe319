"""A cloud that runs OpenStack: images in Glance, servers in Nova, addresses in Neutron."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pulumi

from components.nix_image import NixImage
from components.target import Deployed, Planned
from flakeship.openstack import survey
from flakeship.openstack.look import look
from flakeship.openstack.survey import Survey
from flakeship.settings import Settings
from flakeship.wanted import Wanted


class OpenStack:
    """The target `openstack`; see components.target.Target."""

    outputs = survey.OUTPUTS

    def __init__(self, settings: Settings) -> None:
        self.looking = asyncio.create_task(asyncio.to_thread(look, settings.openstack.cloud))
        self.survey: Survey | None = None

    async def plan(self, wanted: Wanted) -> Planned:
        """Plan the servers from one look at the cloud, and refuse what the quota would stop."""
        self.survey = survey.survey(wanted, await self.looking)
        for fact in self.survey.facts:
            pulumi.log.info(fact)
        for note in self.survey.notes:
            pulumi.log.warn(note)
        return Planned(self.survey.records, self.survey.room)

    def deploy(self, images: Mapping[str, NixImage]) -> Deployed:
        """Images, servers, verifications and cut-overs."""
        # its types take a third of a second, while the cloud is being looked at
        from components.targets.openstack.stack import deploy  # noqa: PLC0415

        assert self.survey
        return deploy(self.survey, images)


def target(settings: Settings) -> OpenStack:
    """The target, which begins to look at the cloud."""
    return OpenStack(settings)
