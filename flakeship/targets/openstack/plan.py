"""The target in a Pulumi program: one inspection, then a plan, checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flakeship.release.desired import Desired
from flakeship.rollout import retention
from flakeship.rollout.retention import ImageUse, Retention, Uploads
from flakeship.rollout.summary import Summary
from flakeship.ssh import keys
from flakeship.state.outputs import StackOutputs
from flakeship.targets.base import Call
from flakeship.targets.kept_releases import KeptReleases
from flakeship.targets.openstack import accepted, changes, drift, preflight, user_data
from flakeship.targets.openstack.context import PlanningContext, planning_context
from flakeship.targets.openstack.functions import INSPECT, InspectRequest
from flakeship.targets.openstack.images import sharing
from flakeship.targets.openstack.images.borrowed import Borrowing, image_ids, plan_borrowing
from flakeship.targets.openstack.inventory import Inventory, Needed
from flakeship.targets.openstack.network import floating_ips
from flakeship.targets.openstack.outputs import StackDetails, stack_details
from flakeship.targets.openstack.plan_machines import MachinesPlan, plan_machines
from flakeship.targets.openstack.settings import CloudSettings


@dataclass(frozen=True)
class StackPlan(KeptReleases):
    """See flakeship.targets.base.Plan.

    `repairs` is as in StackDetails: a higher number makes a resource anew, or runs it again.
    `members` are the memberships in the stack's own images that there are: the provider's ids by
    release and project.
    """

    context: PlanningContext
    machines: MachinesPlan
    retention: Retention
    borrowing: Borrowing
    uploads: Uploads
    max_image_disk: Mapping[str, int]
    warnings: Sequence[str]
    summary: Summary
    repairs: Mapping[str, int] = field(default_factory=dict)
    members: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def needs_files(self) -> frozenset[str]:
        """Those without a usable image in Glance, unless their servers are there."""
        return self.uploads.need_files | self.borrowing.unusable

    @property
    def instead_of_files(self) -> Mapping[str, str]:
        """What would let them boot from the image of another stack."""
        return self.borrowing.remedies

    @property
    def facts(self) -> list[str]:
        """Whose cloud it is, and which images are another stack's."""
        cloud = self.context.settings.options.cloud
        return [self.context.inventory.identity_of(cloud), *self.borrowing.facts]


class OpenStackTarget:
    """See flakeship.targets.base.Target."""

    def __init__(self, stack: str, settings: CloudSettings) -> None:
        self._stack, self._settings = stack, settings

    async def inspect(self, call: Call, known: Mapping[str, StackOutputs]) -> Inventory:
        """Read the files that the settings name and, in the provider, what a plan needs."""
        given = self._settings
        identity = keys.identity(given.identity, given.authorized_keys)
        own = bastion_identity(given)
        texts = user_data.read(given)
        images = image_ids(self._stack, given, known)
        request = InspectRequest(given.options.cloud, needed(given), images)
        found: Inventory = await call(INSPECT, request)
        return replace(found, identity=identity, bastion_identity=own, user_data=texts)

    def plan(self, desired: Desired, inventory: Inventory) -> StackPlan:
        """Machines, flavors, images and addresses.

        Raises FlakeshipError for another project, a role that only reads, settings that the cloud
        cannot meet, and where the quota is too small.
        """
        before = stack_details(desired.outputs, desired.stack)
        preflight.check_access(before.project, inventory)
        accepted.check(desired.settings, inventory)
        sharing.check(desired.settings.options, before.published, inventory)
        context = planning_context(desired, inventory)
        machines = plan_machines(context)
        verified = {record.name for record in desired.ledger} if context.ephemeral else set()
        new = [
            machine
            for machine in machines.active
            if not context.exists(machine) and machine.release.name not in verified
        ]
        needed = preflight.check_quota(context, new)
        retained = _retain(context, machines, before)
        drifts = drift.find(context, machines)
        output = desired.outputs.servers
        running, usable = machines.running(context.exists), _usable(desired, before, inventory)
        kept = [record.name for record in retained.records]
        borrowing = plan_borrowing(desired, inventory, kept=kept, running=running)
        uploads = retention.plan_uploads(
            [r for r in desired.as_verified.values() if r.name not in borrowing.images],
            [r for r in retained.records if r.name not in borrowing.images],
            before.published,
            usable=usable,
            running=running,
            absent=desired.absent,
        )
        return StackPlan(
            context,
            machines,
            retained,
            borrowing,
            uploads=uploads,
            max_image_disk={
                name: min(m.disk for m in new if m.release.name == name)
                for name in {m.release.name for m in new if m.release.disk == "auto"}
            },
            warnings=[
                *machines.notices,
                *(found.notice for found in drifts if found.notice),
                *accepted.unenforced(machines.active),
                *floating_ips.taken(context.settings.instances, inventory, output),
                *retained.notices,
                *uploads.notices,
                *borrowing.notices,
            ],
            summary=changes.summarize(context, machines, new, needed),
            repairs=drift.repairs(before.repairs, drifts, [*machines.active, *machines.standby]),
            members=sharing.members(before.published, inventory, usable),
        )


def needed(settings: CloudSettings) -> Needed:
    """What a plan of these settings needs of the cloud, beside what each does."""
    servers = settings.instances
    return Needed(
        keypairs=any(server.options.keypair for server in servers),
        volumes=any(server.options.volume for server in servers),
        addresses=any(server.options.address != "none" for server in servers),
        # a server that its verification removes is made anew, whatever its group has become
        groups=bool(servers) or not settings.options.test_server.ephemeral,
    )


def bastion_identity(settings: CloudSettings) -> str:
    """The private key file for the bastion of the settings; empty: the user's agent.

    Raises FlakeshipError for a path that ssh cannot be given.
    """
    bastion = settings.options.bastion
    if bastion and bastion.identity:
        return keys.literal_file(bastion.identity, "flakeship:openstack.bastion.identity")
    return keys.literal_file(settings.identity, "flakeship:identity") if settings.identity else ""


def _usable(desired: Desired, before: StackDetails, inventory: Inventory) -> set[str]:
    """The ids of the images that can be booted and, as far as Glance says, have the right bytes."""
    published = before.published
    sha512 = {
        published[record.name].id: record.artifact.files[0].sha512
        for record in desired.ledger
        if record.name in published and record.artifact.files
    }
    return {
        image.id
        for image in inventory.images
        if image.status == "active"
        and (not image.sha512 or image.sha512 == sha512.get(image.id, image.sha512))
    }


def _retain(context: PlanningContext, machines: MachinesPlan, before: StackDetails) -> Retention:
    """The releases whose images stay: those of the settings, and those that are in use."""
    inventory = context.inventory
    staying = {machine.id for machine in (*machines.active, *machines.standby)}
    removed = {server.id for server in context.owned if server.machine not in staying}
    visibility = context.settings.options.visibility

    def use(release: str) -> ImageUse:
        own, borrowed = before.published.get(release), before.borrowed.get(release)
        image = own or borrowed
        if image is None:
            return ImageUse()
        users = [user for user in inventory.users(image.id) if user.id not in removed]
        described = [f"{user.name} ({user.id})" for user in users]
        if not own:  # it stays whatever happens here; what is given up is the right to it
            return ImageUse(described if borrowed and borrowed.shared else ())
        return sharing.use(inventory.image(own.id), described, inventory, visibility)

    return retention.retain(
        context.desired.ledger,
        context.desired.retained,
        desired={release.name for release in context.desired.as_verified.values()},
        standby={machine.release.name for machine in machines.standby},
        use=use,
    )
