"""The target in a Pulumi program: one inspection, then a plan, checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flakeship.release.desired import Desired
from flakeship.rollout import retention
from flakeship.rollout.retention import ImageUse, Retention
from flakeship.rollout.summary import Summary
from flakeship.ssh import keys
from flakeship.state.outputs import StackOutputs
from flakeship.targets.base import Call
from flakeship.targets.kept_releases import KeptReleases
from flakeship.targets.proxmox import (
    changes,
    drift,
    preflight,
    preflight_addresses,
    preflight_cluster,
    templates,
)
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.context import PlanningContext, planning_context
from flakeship.targets.proxmox.functions import INSPECT, InspectRequest
from flakeship.targets.proxmox.inventory import Inventory
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.numbers import Numbers
from flakeship.targets.proxmox.outputs import Removed, Template, stack_details
from flakeship.targets.proxmox.plan_machines import MachinesPlan, complete, plan_machines
from flakeship.targets.proxmox.requests import DnsRecord
from flakeship.targets.proxmox.settings import ClusterSettings
from flakeship.targets.proxmox.templates import TemplatesPlan


@dataclass(frozen=True)
class StackPlan(KeptReleases):
    """See flakeship.targets.base.Plan; `repairs` is as in StackDetails."""

    context: PlanningContext
    machines: MachinesPlan
    templates: TemplatesPlan
    retention: Retention
    max_image_disk: Mapping[str, int]
    summary: Summary
    warnings: Sequence[str] = field(default_factory=list)
    repairs: Mapping[str, int] = field(default_factory=dict)

    def upload(self, release: str, template: Template) -> str:
        """What names the upload of a template: on storage of one node there is one on each."""
        name = self.context.settings.options.storage.images
        storage = self.context.inventory.storage(name, template.node)
        return release if storage and storage.shared else f"{release}-{template.node}"

    @property
    def needs_files(self) -> frozenset[str]:
        """Those with a template to be made of a file that no upload has brought to its storage yet.

        And kept ones without a template.
        """
        there = {vm.id for vm in self.context.inventory.vms}
        uploaded = {
            self.upload(name, template)
            for name, found in self.context.templates.items()
            for template in found
        }
        to_upload = {
            name
            for name, found in self.templates.templates.items()
            for template in found
            if template.vmid not in there and self.upload(name, template) not in uploaded
        }
        kept = {record.name for record in self.records} - self.templates.templates.keys()
        return frozenset(to_upload | kept)

    def node_of(self, machine: Machine) -> str:
        """The node of the template that a machine is cloned from, which may be gone by now."""
        every = (each for found in self.templates.templates.values() for each in found)
        node = next((each.node for each in every if each.vmid == machine.template), "")
        return node or machine.node

    def dns_record(self, machine: Machine) -> DnsRecord | None:
        """The name that is to lead to a machine, and who takes updates of it."""
        name, updates = machine.server.options.dns_name, self.context.settings.options.dns_updates
        if not name or updates is None:
            return None
        return DnsRecord(
            name,
            updates.server,
            updates.port,
            updates.zone,
            updates.key,
            updates.algorithm,
            updates.key_file,
            updates.ttl,
        )

    @property
    def leaving(self) -> list[Removed]:
        """What this run removes at its end, and what an earlier one could not remove."""
        context, inventory = self.context, self.context.inventory
        templates = (each for found in self.templates.templates.values() for each in found)
        staying = {machine.vmid for machine in (*self.machines.active, *self.machines.standby)}
        staying |= {template.vmid for template in templates}
        there = {*inventory.hidden} | {vm.id for vm in inventory.vms}
        before = {vmid: name for vmid, name in context.leaving.items() if vmid in there}
        gone = staying | {*context.settings.options.abandoned_ids}
        known = sorted((before | context.recorded).items())
        return [Removed(vmid, name) for vmid, name in known if vmid not in gone]

    @property
    def facts(self) -> list[str]:
        """Whose cluster it is, who acts there, and what each resource is updated for."""
        found = self.context.inventory
        nodes = ", ".join(node.name for node in found.nodes)
        told = [
            f"Proxmox VE {found.version} at {found.endpoint}, nodes {nodes}, token {found.user}"
        ]
        if changed := self._reached_otherwise():
            told.append(
                f"{' and '.join(changed)} of flakeship:proxmox changed: resources keep how they "
                "reach the API, so all are updated; machines stay, and are verified again"
            )
        return told

    def _reached_otherwise(self) -> list[str]:
        """The keys by which the API is reached in another way than by the last good run."""
        desired, settings = self.context.desired, self.context.settings
        before, now = stack_details(desired.outputs, desired.stack).access, access(settings)
        return [
            known.alias or name
            for name, known in type(settings.options).model_fields.items()
            if before and getattr(before, name, None) != getattr(now, name, None)
        ]


class ProxmoxTarget:
    """See flakeship.targets.base.Target."""

    def __init__(self, stack: str, settings: ClusterSettings) -> None:
        self._stack = stack
        self._settings = settings

    async def inspect(self, call: Call, _known: Mapping[str, StackOutputs]) -> Inventory:
        """Read in the provider what a plan needs of the cluster."""
        given = self._settings
        identity = keys.identity(given.identity, given.authorized_keys)
        found: Inventory = await call(INSPECT, inspect_request(self._stack, given))
        return replace(found, identity=identity)

    def plan(self, desired: Desired, inventory: Inventory) -> StackPlan:
        """Machines, templates, ids and addresses.

        Raises FlakeshipError for another cluster, one that is too old, a token that lacks
        privileges, and settings that the cluster cannot meet.
        """
        context = planning_context(desired, inventory)
        preflight_cluster.check(context, stack_details(desired.outputs, desired.stack).nodes)
        preflight.check_ids(context)
        preflight_addresses.check(context)
        placed, numbers = plan_machines(context), Numbers(context)
        new = [machine for machine in placed.active if not context.exists(machine)]
        preflight.check_sizes(context, new)
        retained = _retain(context, placed)
        kept = [record.name for record in retained.records]
        made = templates.plan_templates(context, placed.active, kept, numbers)
        preflight.check_places(context, new, made)
        machines = complete(context, placed, made, numbers)
        return StackPlan(
            context,
            machines,
            made,
            retained,
            max_image_disk={
                name: min(m.disk for m in new if m.release.name == name)
                for name in {m.release.name for m in new if m.release.disk == "auto"}
            },
            summary=changes.summarize(context, machines),
            warnings=[
                *machines.notices,
                *drift.notices(context, machines),
                *preflight.crowded(context, new),
                *preflight.stranded(context, [*machines.active, *machines.standby]),
                *preflight_addresses.notices(context, new),
                *retained.notices,
            ],
            repairs=drift.repairs(context, machines),
        )


def access(settings: ClusterSettings) -> Access:
    """How the API is reached."""
    options = settings.options
    return Access(options.endpoint, options.token_file, options.ca_file, options.fingerprint)


def inspect_request(stack: str, settings: ClusterSettings) -> InspectRequest:
    """What is asked about the cluster."""
    options, servers = settings.options, settings.instances
    named = {server.options.node for server in servers} - {""}
    anywhere = not options.nodes and any(not server.options.node for server in servers)
    return InspectRequest(
        access=access(settings),
        stack=stack,
        # those of the last run, as many new ones, and those that left before
        machines=len(servers) * (settings.standby_releases + 3),
        templates=len(settings.hosts) * (2 * settings.retain_releases + 1),
        disks=options.storage.disks,
        first=options.ids.start,
        last=options.ids.stop - 1,
        nodes=[] if anywhere else sorted({*options.nodes, *named}),
    )


def _retain(context: PlanningContext, machines: MachinesPlan) -> Retention:
    """The releases whose templates stay: those of the settings, and those with linked clones."""
    staying = {machine.id for machine in (*machines.active, *machines.standby)}
    removed = {machine.vmid for machine in context.all_deployed if machine.id not in staying} | {
        vm.id for vm in context.owned if vm.marks.machine and vm.marks.machine not in staying
    }

    def use(release: str) -> ImageUse:
        found = templates.users(context, release)
        return ImageUse([str(vm) for vm in found if vm.id not in removed])

    return retention.retain(
        context.desired.ledger,
        context.desired.retained,
        desired={release.name for release in context.desired.as_verified.values()},
        standby={machine.release.name for machine in machines.standby},
        use=use,
    )
