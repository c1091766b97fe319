"""Computes what a stack is to be from its settings, its ledger and one inspection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.rollout import retention
from flakeship.rollout.replace import Observed, ServerRollout, plan_server, removed_servers
from flakeship.rollout.retention import ImageUse, Publication, Retention
from flakeship.state import outputs
from flakeship.targets.fake.cloud import Cloud, file
from flakeship.targets.fake.machine import Machine

Rollouts = Mapping[str, ServerRollout[Machine]]


@dataclass(frozen=True)
class FakePlan:
    """See flakeship.targets.base.Plan. `publications` has the number of each image's upload."""

    stack: str
    rollouts: Rollouts
    publications: Mapping[str, int]
    releases: Mapping[str, Release]
    records: Sequence[Record]
    warnings: Sequence[str]
    facts: Sequence[str] = ()
    max_image_disk: Mapping[str, int] = field(default_factory=dict)


def plan_stack(desired: Desired, inventory: Cloud) -> FakePlan:
    """The machines of every server, and the images that stay. Raises FlakeshipError."""
    details = desired.outputs.details.get("published", {})
    published = outputs.parsed(dict[str, Publication], details, desired.stack)
    rollouts = plan_machines(desired, inventory)
    kept = retain(desired, inventory, rollouts, published)
    usable = {image.id for image in inventory.of("image")}
    notices = [notice for rollout in rollouts.values() for notice in rollout.notices]
    before = {name: server.address for name, server in desired.outputs.servers.items()}
    return FakePlan(
        desired.stack,
        rollouts,
        retention.upload_numbers(desired.releases.values(), kept.records, published, usable),
        desired.as_verified,
        kept.records,
        [*notices, *removed_servers(rollouts, before), *kept.notices],
    )


def plan_machines(desired: Desired, inventory: Cloud) -> Rollouts:
    """The machines of every server: those of the last run that still exist, and new ones."""
    settings, stack = desired.settings, desired.stack
    deployed = outputs.parsed(dict[str, list[Machine]], desired.outputs.machines, stack)
    remedy = f"give it the status running in {file(stack)}"
    observed = {
        each.name: Observed(
            exists=each.status != "failed",
            failed=each.status == "failed",
            running=each.status == "running",
            status=each.status,
            remedy=remedy,
        )
        for each in inventory.of("machine")
        if each.owner.stack == stack
    }
    machines = [
        Machine(
            stack=stack,
            server=server,
            release=desired.as_verified[server.host or settings.host],
            identity="",
            deadline=float(settings.boot_timeout),
            zone=settings.options.zone,
        )
        for server in settings.instances
    ]
    return {
        machine.server_name: plan_server(
            machine,
            deployed.get(machine.server_name, []),
            observed,
            standby_releases=settings.standby_releases,
            available=desired.available,
        )
        for machine in machines
    }


def retain(
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
        standby=[m.release_name for rollout in rollouts.values() for m in rollout.standby],
        use=use,
    )
