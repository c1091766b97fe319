"""The target inside a Pulumi program: one inspection, and what a stack is to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flakeship.model.evidence import Evidence
from flakeship.model.ports import located
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.rollout import retention
from flakeship.rollout.machine import PlannedMachine
from flakeship.rollout.ownership import Owner
from flakeship.rollout.replace import (
    ABSENT,
    Observed,
    ServerRollout,
    ServerRollouts,
    plan_server,
)
from flakeship.rollout.retention import ImageUse, Publication, Retention, Uploads
from flakeship.rollout.summary import Summary
from flakeship.state import outputs
from flakeship.state.outputs import ServerOutput, StackOutputs
from flakeship.targets.base import Call
from flakeship.targets.fake.changes import find
from flakeship.targets.fake.cloud import Cloud, file
from flakeship.targets.fake.functions import INSPECT, InspectRequest
from flakeship.targets.fake.resources import CutoverRequest, MachineRequest, VerifyMachineRequest
from flakeship.targets.fake.settings import FakeServer
from flakeship.verify.request import Promises


@dataclass(frozen=True, kw_only=True)
class Machine(PlannedMachine):
    """A machine in a zone. The requests take the ids that exist only after a plan."""

    server: FakeServer
    zone: str

    @property
    def location(self) -> str:
        """Its zone."""
        return self.zone

    def creation(self, image: str = "") -> MachineRequest:
        """The request to create it."""
        return MachineRequest(self.owner, self.id, image, self.server.options.boot_seconds)

    def verification(self, key: str = "") -> VerifyMachineRequest:
        """The request to verify it."""
        promises = Promises(nix=False, switch=False)
        request = replace(self.checks, addressing="none", promises=promises)
        return VerifyMachineRequest(self.owner, key, self.server.options.fail, request)

    def cutover(self, key: str = "") -> CutoverRequest:
        """The request to serve from it; the address belongs to the server alone."""
        return CutoverRequest(Owner(self.stack, self.server.name), key)

    def output(self, address: str, evidence: Evidence) -> ServerOutput:
        """The server as a stack output, once the machine serves."""
        return ServerOutput(
            target="fake",
            machine=self.id,
            release=self.release.name,
            address=address,
            ports=located(self.server.declared, address),
            ssh="",
            checks=f"{len(evidence.checks)} passed",
        )


Rollouts = Mapping[str, ServerRollout[Machine]]


@dataclass(frozen=True)
class FakePlan:
    """See flakeship.targets.base.Plan."""

    stack: str
    rollouts: Rollouts
    uploads: Uploads
    releases: Mapping[str, Release]
    records: Sequence[Record]
    warnings: Sequence[str]
    summary: Summary
    facts: Sequence[str] = ()
    max_image_disk: Mapping[str, int] = field(default_factory=dict)
    instead_of_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_files(self) -> frozenset[str]:
        """Those without an image, unless their machines are there."""
        return self.uploads.need_files


@dataclass(frozen=True)
class FakeTarget:
    """See flakeship.targets.base.Target."""

    stack: str

    async def inspect(self, call: Call, _known: Mapping[str, StackOutputs]) -> Cloud:
        """Everything that is in the cloud."""
        found: Cloud = await call(INSPECT, InspectRequest(self.stack))
        return found

    def plan(self, desired: Desired, inventory: Cloud) -> FakePlan:
        """The machines of every server, and the images that stay."""
        details = desired.outputs.details.get("published", {})
        published = outputs.parsed(dict[str, Publication], details, desired.stack)
        deployed = outputs.machines_of(Machine, desired.outputs, desired.stack)
        observed = _observe(desired.stack, inventory)
        rollouts = _rollouts(desired, deployed, observed)
        kept = _retained(desired, inventory, rollouts, published)
        planned = ServerRollouts(rollouts)
        uploads = retention.plan_uploads(
            desired.releases.values(),
            kept.records,
            published,
            usable={image.id for image in inventory.of("image")},
            running=planned.running(lambda machine: observed.get(machine.id, ABSENT).exists),
            absent=desired.absent,
        )
        return FakePlan(
            desired.stack,
            rollouts,
            uploads,
            desired.as_verified,
            kept.records,
            [*planned.notices, *kept.notices, *uploads.notices],
            Summary(find(desired, rollouts, deployed, observed)),
        )


def _observe(stack: str, inventory: Cloud) -> Mapping[str, Observed]:
    """The stack's machines by id."""
    return {
        each.name: Observed(
            exists=each.status != "failed",
            failed=each.status == "failed",
            running=each.status == "running",
            status=each.status,
            remedy=f"give it the status running in {file(stack)}",
        )
        for each in inventory.of("machine")
        if each.owner.stack == stack
    }


def _rollouts(
    desired: Desired,
    deployed: Mapping[str, Sequence[Machine]],
    observed: Mapping[str, Observed],
) -> Rollouts:
    """The machines of every server: those of the last run that still exist, and new ones."""
    settings, stack = desired.settings, desired.stack
    return {
        server.name: plan_server(
            Machine(
                stack=stack,
                server=server,
                release=desired.as_verified[server.host or settings.host],
                identity="",
                deadline=float(settings.boot_timeout),
                zone=settings.options.zone,
            ),
            deployed.get(server.name, []),
            observed,
            standby_releases=settings.standby_releases,
            available=desired.available,
        )
        for server in settings.instances
    }


def _retained(
    desired: Desired, inventory: Cloud, rollouts: Rollouts, published: Mapping[str, Publication]
) -> Retention:
    """The releases whose images stay: those of the settings, and those that machines use."""
    staying = {machine.id for rollout in rollouts.values() for machine in rollout.machines}

    def use(release: str) -> ImageUse:
        image = published[release].id if release in published else ""
        users = [each for each in inventory.of("machine") if each.uses == image]
        others = [u for u in users if u.owner.stack != desired.stack or u.name in staying]
        return ImageUse([f"{user.name} ({user.id})" for user in others])

    return retention.retain(
        desired.ledger,
        desired.retained,
        desired=[release.name for release in desired.releases.values()],
        standby=[m.release.name for rollout in rollouts.values() for m in rollout.standby],
        use=use,
    )
