"""Everything that a stack on a cloud is to be, checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.rollout import retention
from flakeship.rollout.replace import removed_servers
from flakeship.rollout.retention import ImageUse, Publication, Retention
from flakeship.state.outputs import ServerOutput
from flakeship.targets.openstack import quota
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.inventory import Inventory
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.network import floating_ips, networks
from flakeship.targets.openstack.outputs import deployed, server_details, stack_details
from flakeship.targets.openstack.plan_machines import MachinesPlan, plan_machines
from flakeship.targets.openstack.settings import CloudSettings


@dataclass(frozen=True)
class StackPlan:
    """What the components are declared from; see flakeship.targets.base.Plan.

    `uploads` has for every release that stays how often its image will have been uploaded.
    """

    context: PlanningContext
    machines: MachinesPlan
    retention: Retention
    uploads: Mapping[str, int]
    max_image_disk: Mapping[str, int]
    warnings: Sequence[str]

    @property
    def releases(self) -> Mapping[str, Release]:
        """The desired release of each host, as the ledger has it where it is in there."""
        return self.context.releases

    @property
    def records(self) -> list[Record]:
        """The verified releases that stay beside the desired ones."""
        return self.retention.records

    @property
    def facts(self) -> list[str]:
        """The sizes of new machines."""
        return [
            f"{m.server.name}: {m.id} gets {m.flavor.name} ({m.flavor.vcpus} vCPUs, "
            f"{m.flavor.memory} MiB of memory, {m.disk} MiB of root disk)"
            for m in self.machines.active
            if not (self.context.ephemeral or self.context.exists(m))
        ]

    def release(self, name: str) -> Release:
        """A release that stays, by its name."""
        kept = [*self.releases.values(), *(record.release for record in self.records)]
        return next(release for release in kept if release.name == name)


def plan_stack(desired: Desired, inventory: Inventory) -> StackPlan:
    """Plan a stack.

    Raises FlakeshipError for a stack of another project, for settings that the cloud cannot meet,
    and where the quota is too small.
    """
    before = stack_details(desired.outputs, desired.stack)
    check_project(before.project, inventory)
    check_role(inventory)
    context = planning_context(desired, inventory)
    machines = plan_machines(context)
    new = new_machines(context, machines)
    quota.check(needs(context, new), inventory)
    retained = retain(context, machines, desired, before.published)
    names = [release.name for release in context.releases.values()]
    usable = {image.id for image in inventory.images if image.status == "active"}
    return StackPlan(
        context,
        machines,
        retained,
        uploads={
            name: retention.upload_number(before.published.get(name), usable)
            for name in (*names, *(record.name for record in retained.records))
        },
        max_image_disk={
            name: min(m.disk for m in new if m.release.name == name)
            for name in {m.release.name for m in new if m.release.disk == "auto"}
        },
        warnings=[
            *machines.notices,
            *address_notices(context, machines, desired.outputs.servers),
            *retained.notices,
            *port_notices(context.settings),
        ],
    )


def check_project(before: str, inventory: Inventory) -> None:
    """Refuse to plan a stack whose servers are in another project, or another cloud."""
    if before and before != inventory.project:
        raise FlakeshipError(
            f"this stack is in the project {before}, and these credentials are for "
            f"{inventory.project_name} ({inventory.project})",
            code="project-mismatch",
            remedy="choose the right cloud by OS_CLOUD or flakeship:openstack.cloud, or make "
            "another stack for this one (pulumi stack init)",
        )


def check_role(inventory: Inventory) -> None:
    """Refuse to begin with a role that may only read."""
    if set(inventory.roles) == {"reader"}:
        raise FlakeshipError(
            "its roles may change nothing",
            code="role-missing",
            key=f"project {inventory.project_name}",
            given="reader",
            remedy="ask for the role member (docs/reference/least-privilege.md)",
        )


def planning_context(desired: Desired, inventory: Inventory) -> PlanningContext:
    """What the stack is planned from. Raises SettingError for addresses and networks."""
    servers = [
        floating_ips.resolved(s, inventory, desired.stack) for s in desired.settings.instances
    ]
    settings = desired.settings.model_copy(update={"servers": servers})
    options = settings.options
    floating = options.access != "direct" or any(s.options.address == "floating" for s in servers)
    before = desired.outputs.servers
    return PlanningContext(
        settings=settings,
        stack=desired.stack,
        releases=desired.as_verified,
        ledger=desired.ledger,
        deployed=deployed(desired.outputs, desired.stack),
        bastions={
            name: bastion
            for name, output in before.items()
            if (bastion := server_details(output).bastion)
        },
        inventory=inventory,
        networks=networks.find(options, inventory, floating=floating),
    )


def new_machines(context: PlanningContext, machines: MachinesPlan) -> list[Machine]:
    """The machines that this run creates."""
    verified = {record.name for record in context.ledger} if context.ephemeral else set()
    return [
        machine
        for machine in machines.active
        if not context.exists(machine) and machine.release.name not in verified
    ]


def needs(context: PlanningContext, new: Sequence[Machine]) -> Mapping[str, int]:
    """What this run uses of the quota at its peak."""
    options, inventory = context.settings.options, context.inventory
    running = [machine for machines in context.deployed.values() for machine in machines]
    groups = {machine.security_group for machine in running}
    own_network = options.network.named(context.stack)
    has_network = any(network.name == own_network for network in inventory.networks)
    temporary = options.access == "floating" or (
        options.access == "bastion" and not context.bastions
    )
    placed = {m.release.name for m in new} - {m.release.name for m in running}
    return quota.needs(
        [machine.flavor for machine in new],
        groups={m.security_group: len(m.rules) for m in new if m.security_group not in groups},
        network=None if options.network.name or has_network or not new else options.network,
        addresses=floating_ips.missing(context.settings.instances, inventory, context.stack),
        temporary=min(len(new), options.boot_concurrency) if temporary else 0,
        server_groups=len(placed) if options.placement else 0,
    )


def retain(
    context: PlanningContext,
    machines: MachinesPlan,
    desired: Desired,
    published: Mapping[str, Publication],
) -> Retention:
    """The releases whose images stay: those of the settings, and those that are in use."""
    inventory = context.inventory
    staying = {machine.id for machine in (*machines.active, *machines.standby)}
    removed = {server.id for server in context.owned if server.name not in staying}
    hidden = context.settings.options.visibility != "private" and not inventory.everywhere

    def use(release: str) -> ImageUse:
        image = published.get(release)
        if image is None:
            return ImageUse()
        users = [user for user in inventory.users(image.id) if user.id not in removed]
        blind = f"your role in {inventory.project_name} cannot see whether servers of other "
        return ImageUse(
            [f"{user.name} ({user.id})" for user in users],
            f"{blind}projects boot from it" if hidden else "",
        )

    return retention.retain(
        desired.ledger,
        desired.retained,
        desired={release.name for release in context.releases.values()},
        standby={machine.release.name for machine in machines.standby},
        use=use,
    )


def address_notices(
    context: PlanningContext, machines: MachinesPlan, before: Mapping[str, ServerOutput]
) -> list[str]:
    """The notices about addresses that move, are released, or do not lead where they should."""
    servers = context.settings.instances
    return [
        *floating_ips.moves({m.server.name: m.id for m in machines.active}, before),
        *removed_servers([s.name for s in servers], floating_ips.released(before)),
        *floating_ips.drifted(servers, before, context.inventory),
    ]


def port_notices(settings: CloudSettings) -> list[str]:
    """The notices that ports of the workstation lead nowhere on this target."""
    return [
        f"{server.name}: hostPort applies to the target local only; all ports are at its address"
        for server in settings.servers
        if any(port.host_port for port in server.ports)
    ]
