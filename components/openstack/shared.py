"""What the servers of a stack share: network, groups, flavors and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_openstack
from pulumi_openstack import compute, images

from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.api.provider import RETRIES
from flakeship.targets.openstack.flavors.choice import Choice
from flakeship.targets.openstack.images.properties import properties
from flakeship.targets.openstack.images.sharing import ACCEPTED
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.outputs import Borrowed
from flakeship.targets.openstack.plan import StackPlan
from flakeship.targets.openstack.resources import ACCEPTANCE, GLANCE_IMAGE, SERVER_GROUP, words
from flakeship.targets.openstack.spec import SPEC

from ..nix_image import NixImage
from ..resource import Functions
from .creation import Creation
from .flavor_selection import FlavorSelection, selection
from .glance_image import GlanceImage
from .hooks import passing_fault
from .network import PrivateNetwork, SecurityGroup


@dataclass(frozen=True)
class Shared:
    """What several servers of a stack use: by the names of group, flavor and release.

    `images` are the ids that machines boot from, and `published` those images that are the stack's.
    Ports have their addresses once `subnets` are there, and a server can be reached after `ready`.
    """

    opts: pulumi.ResourceOptions
    network: pulumi.Input[str]
    subnets: Sequence[pulumi.Resource]
    ready: Sequence[pulumi.Resource]
    security_groups: Mapping[str, SecurityGroup]
    flavors: Mapping[str, FlavorSelection]
    server_groups: Mapping[str, pulumi.Output[str]]
    images: Mapping[str, pulumi.Output[str]]
    published: Mapping[str, GlanceImage]
    creation: Creation

    def security_group(self, machine: Machine) -> pulumi.Output[str] | None:
        """The id of a machine's group; None where its network takes none."""
        return self.security_groups[machine.security_group].id if machine.port_security else None

    def rules(self, machine: Machine) -> Sequence[pulumi.Resource]:
        """The rules of that group."""
        return self.security_groups[machine.security_group].rules if machine.port_security else []

    def flavor(self, machine: Machine) -> pulumi.Input[str]:
        """The id of a machine's flavor; a standby machine keeps its own, see Machine.adopt."""
        return machine.flavor.id or self.flavors[machine.flavor.name].id

    def after(self, resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        """The options of what these resources come before."""
        depends = pulumi.ResourceOptions(depends_on=[*resources])
        return pulumi.ResourceOptions.merge(self.opts, depends)


def declare_shared(plan: StackPlan, built: Mapping[str, NixImage]) -> Shared:
    """Declare the network, groups, flavors and images."""
    context, options = plan.context, plan.context.settings.options
    provider = pulumi_openstack.Provider("cloud", cloud=options.cloud or None, max_retries=RETRIES)
    patient = pulumi.ResourceHookBinding(on_error=[passing_fault()])
    opts = pulumi.ResourceOptions(providers=[provider], hooks=patient)
    all_machines = [*plan.machines.active, *plan.machines.standby]
    network: pulumi.Input[str] = context.networks.network
    subnets: Sequence[pulumi.Resource] = []
    ready: Sequence[pulumi.Resource] = []
    if not context.networks.network:
        private = _declare_network(plan, opts)
        network, subnets, ready = private.id, private.subnets, [private.ready]
    groups = {each.security_group: each.rules for each in all_machines if each.port_security}
    placed = {each.release.name: each.placement for each in all_machines if each.placement}
    tags = words(Owner(context.stack, "security-group"))
    choices: dict[str, Choice] = {}
    for machine in plan.machines.standby:
        choices[machine.flavor.name] = Choice(machine.flavor, "an older machine has it")
    for machine in plan.machines.active:
        choice = plan.machines.choices[machine.server.name]
        choices[machine.flavor.name] = Choice(machine.flavor, choice.reason, choice.runners_up)
    borrowed = plan.borrowing.images
    published = {
        name: _declare_image(plan, name, image, opts)
        for name, image in built.items()
        if name not in borrowed
    }
    return Shared(
        opts,
        network,
        subnets,
        ready,
        security_groups={
            name: SecurityGroup(
                name.removeprefix(f"{context.stack}-"),
                {
                    "group_name": name,
                    "rules": rules,
                    "tags": tags,
                    "repair": plan.repairs.get(name, 0),
                },
                opts,
            )
            for name, rules in groups.items()
        },
        flavors={
            name: FlavorSelection(name, selection(choice), opts) for name, choice in choices.items()
        },
        server_groups={
            name: compute.ServerGroup(
                SERVER_GROUP.name(name),
                name=f"{context.stack}-{name}",
                policies=placement,
                opts=pulumi.ResourceOptions(provider=provider, hooks=patient),
            ).id
            for name, placement in placed.items()
        },
        images={
            **{name: image.image for name, image in published.items()},
            **{name: _borrow(plan, name, image, opts) for name, image in borrowed.items()},
        },
        published=published,
        creation=Creation(
            Functions(SPEC),
            options.cloud,
            context.stack,
            {each.id for each in context.inventory.servers},
            context.standing,
        ),
    )


def _declare_network(plan: StackPlan, opts: pulumi.ResourceOptions) -> PrivateNetwork:
    """The stack's own network, named by its addresses."""
    stack, own = plan.context.stack, plan.context.settings.options.network
    name = own.named(stack)
    return PrivateNetwork(
        name.removeprefix(f"{stack}-"),
        {
            "network_name": name,
            "external": plan.context.networks.external,
            "cidr": own.cidr,
            "ipv6": own.ipv6,
            "dns": own.dns,
            "tags": words(Owner(stack, "network")),
        },
        opts,
    )


def _borrow(
    plan: StackPlan, name: str, image: Borrowed, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The id of another stack's image, once this project has accepted it where it has to."""
    if not image.shared:
        return pulumi.Output.from_input(image.id)
    return images.ImageAccessAccept(
        ACCEPTANCE.name(name),
        image_id=image.id,
        member_id=plan.context.inventory.project,
        status=ACCEPTED,
        opts=opts,
    ).image_id


def _declare_image(
    plan: StackPlan, name: str, image: NixImage, opts: pulumi.ResourceOptions
) -> GlanceImage:
    release, options = plan.release(name), plan.context.settings.options
    sha512 = image.artifact.apply(lambda artifact: artifact.image.sha512)
    return GlanceImage(
        name,
        {
            "cloud": options.cloud,
            "file": release.paths[0],  # known before it is built, unlike its bytes
            "sha512": sha512,
            "min_ram": release.memory,
            "properties": {
                **properties(release, plan.context.stack),
                "flakeship_sha512": sha512,
            },
            "visibility": options.visibility,
            "publication": plan.uploads.numbers[name],
            "repair": plan.repairs.get(GLANCE_IMAGE.key(name), 0),
        },
        opts,
    )
