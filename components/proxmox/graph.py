"""Declares a stack on a cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from flakeship.model import codec
from flakeship.state.resources import VERIFICATION
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.outputs import (
    StackDetails,
    Template,
    plain_machines,
    server_output,
)
from flakeship.targets.proxmox.plan import StackPlan, access
from flakeship.targets.proxmox.requests import (
    ActiveMachine,
    Cutover,
    CutoverRequest,
    MachineEvidence,
    UploadRequest,
)
from flakeship.targets.proxmox.resources import CUTOVER, Marks, tags, upload_name

from ..nix_image import NixImage
from ..outputs import Deployment, Graph
from ..protection import Stable
from ..resource import Resource, inputs
from .provider import disk_format, provider
from .server import Server
from .template import ProxmoxTemplate, Upload


@dataclass(frozen=True)
class Declared:
    """What machines are made of: the templates by their ids, through the plugin of `opts`."""

    plan: StackPlan
    access: Access
    opts: pulumi.ResourceOptions
    templates: Mapping[int, ProxmoxTemplate]

    def server(self, machine: Machine) -> Server:
        """A machine of any state; the template of an older one may be gone by now."""
        template = self.templates.get(machine.template)
        return Server(
            machine.id,
            {
                "machine": machine,
                "access": self.access,
                "template": template.id if template else machine.template,
                "template_node": self.plan.node_of(machine),
                "template_proof": template and template.proof,
                "disk_format": disk_format(self.plan.context, machine.node),
                "repair": self.plan.repairs.get(VERIFICATION.key(machine.id), 0),
            },
            self.opts,
        )


def deploy(plan: StackPlan, images: Mapping[str, NixImage]) -> Deployment:
    """Declare uploads and templates, then servers with verification and cutover."""
    opts = pulumi.ResourceOptions(providers=[provider(plan.context)])
    reached = access(plan.context.settings)
    declared = Declared(plan, reached, opts, _declare_templates(plan, reached, images, opts))
    evidence: list[pulumi.Output[Any]] = []
    servers: dict[str, pulumi.Output[dict[str, Any]]] = {}
    for name, rollout in plan.machines.rollouts.items():
        active = declared.server(rollout.active)
        evidence.append(active.evidence)
        servers[name] = _cut_over(plan, reached, rollout.active, active)
        for standby in rollout.standby:
            # it stays as it is, with the evidence of its verification
            declared.server(standby)
    return _outputs(plan, servers, evidence)


def _declare_templates(
    plan: StackPlan,
    reached: Access,
    images: Mapping[str, NixImage],
    opts: pulumi.ResourceOptions,
) -> dict[int, ProxmoxTemplate]:
    """The templates by their ids, each from an upload that its node reaches."""
    context, planned = plan.context, plan.templates
    uploads: dict[str, Upload] = {}
    found: dict[int, ProxmoxTemplate] = {}
    for name, templates in planned.templates.items():
        release, image = plan.release(name), images[name]
        made_of: defaultdict[str, list[int]] = defaultdict(list)
        for template in templates:
            made_of[plan.upload(name, template)].append(template.vmid)
        for template in templates:
            subject = plan.upload(name, template)
            if subject not in uploads:
                uploads[subject] = Upload(
                    subject,
                    UploadRequest(
                        reached,
                        template.node,
                        context.settings.options.storage.images,
                        upload_name(context.stack, name),
                        release.paths[0],  # known before it is built, unlike its bytes
                        "",
                        made_of[subject],
                    ),
                    image.artifact.apply(lambda artifact: artifact.image.sha512),
                    # its name has the checkout that uploaded it
                    pulumi.ResourceOptions(depends_on=[image], ignore_changes=["name"]),
                )
            found[template.vmid] = ProxmoxTemplate(
                planned.subject(name, template),
                {
                    "upload": uploads[subject],
                    "disk": image.artifact.apply(lambda artifact: artifact.disk),
                    "release": name,
                    "marks": Marks(stack=context.stack, release=name),
                    "access": reached,
                    "vmid": template.vmid,
                    "node": template.node,
                    "storage": context.settings.options.storage.disks,
                    "disk_format": disk_format(context, template.node),
                    "pool": context.settings.options.pool,
                    "uefi": release.firmware == "uefi",
                    "agent": release.agent,
                    "cpu": context.settings.options.cpu,
                },
                opts,
            )
    return found


def _cut_over(
    plan: StackPlan, reached: Access, machine: Machine, server: Server
) -> pulumi.Output[dict[str, Any]]:
    """The cutover to a machine, once it is verified; the server as a stack output."""
    own = tags(machine.vmid, machine.marks)

    def active(evidence: MachineEvidence) -> dict[str, object]:
        return codec.plain(
            ActiveMachine(
                machine.id,
                machine.vmid,
                own,
                evidence.address,
                machine.release.user,
                machine.identity,
                evidence.host_keys,
            )
        )

    plain = CutoverRequest(
        reached,
        plan.context.stack,
        machine.server.name,
        ActiveMachine(machine.id, machine.vmid, own, "", machine.release.user, "", []),
        machine.server.options.service_address,
        plan.dns_record(machine),
        plan.repairs.get(CUTOVER.key(machine.server.name), 0),
    )
    # named by the server alone, so it is updated in place and never deleted in between
    moved = Resource(
        "flakeship:proxmox:Cutover",
        CUTOVER.name(machine.server.name),
        inputs(plain, active=server.evidence.apply(active)),
        pulumi.ResourceOptions(depends_on=[server.verification]),
    )
    known = pulumi.Output.all(server.evidence, moved.answer(Cutover))
    return known.apply(lambda it: server_output(machine, *it).plain())


def _outputs(
    plan: StackPlan,
    servers: Mapping[str, pulumi.Output[dict[str, Any]]],
    evidence: Sequence[pulumi.Output[Any]],
) -> Deployment:
    """The outputs for people and for the next run: through the evidence, like the ledger."""
    verified = pulumi.Output.all(*evidence)
    templates = {
        name: [Template(each.vmid, each.node) for each in found]
        for name, found in plan.templates.templates.items()
    }
    nodes = [node.name for node in plan.context.inventory.nodes]
    reached = access(plan.context.settings)
    kept = StackDetails(nodes, templates, plan.leaving, {**plan.repairs}, reached)
    details = codec.plain(kept)
    return Deployment(
        evidence,
        servers=servers,
        machines={
            name: pulumi.Output.all(servers[name], machines).apply(lambda it: it[1])
            for name, machines in plain_machines(plan.machines.deployed).items()
        },
        details={
            key: verified.apply(lambda _, value=value: value)  # type: ignore[misc]
            for key, value in details.items()
        },
    )


# a template goes only after its clones, and one that is lost comes back under another name
STABLE = Stable(kinds=(CUTOVER,))
GRAPH: Graph[StackPlan] = deploy
