"""The graph of a stack on a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi
import pulumi_openstack
from pulumi_openstack import compute

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack import machine, server_output
from flakeship.targets.openstack.images import retention
from flakeship.targets.openstack.images.retention import Publication
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.plan import StackPlan

from ..nix_image import NixImage
from ..target import Deployment
from ..target import Graph as TargetGraph
from ..verification import Verification, VerificationArgs
from . import error_hook
from .address import Address, Cutover
from .image import GlanceImage, Shelf
from .network import PrivateNetwork, SecurityGroup
from .server import CloudServer, Site


def deploy(survey: StackPlan, built: Mapping[str, NixImage]) -> Deployment:
    """Declare everything: what is shared, then servers with verification and cut-over."""
    graph = Graph(survey, built)
    for each in survey.plan.active:
        if survey.ephemeral:
            graph.try_out(each)
        else:
            graph.serve(each)
    for each in survey.plan.older:
        graph.keep(each)
    graph.shelve()
    return graph.deployed()


class Graph:
    """Everything that a survey's servers share, and what has been declared of them so far."""

    def __init__(self, survey: StackPlan, built: Mapping[str, NixImage]) -> None:
        self.survey = survey
        self.scene = survey.scene
        self.wish = survey.scene.settings.options
        provider = pulumi_openstack.Provider("cloud", cloud=self.wish.cloud or None)
        self.inside = pulumi.ResourceOptions(providers=[provider])
        machines = [*survey.plan.active, *survey.plan.older]
        self.network: pulumi.Input[str] = survey.scene.places.network
        self.ready: list[pulumi.Resource] = []
        if not survey.scene.places.network:
            private = PrivateNetwork(
                self.scene.stack, self.wish.network, survey.scene.places.external, self.inside
            )
            self.network, self.ready = private.id, [private.ready]
        self.groups = {
            name: SecurityGroup(each, self.inside)
            for name, each in {each.security_group: each for each in machines}.items()
        }
        own = pulumi.ResourceOptions(provider=provider)
        self.flavors: dict[str, pulumi.Input[str]] = {
            name: each.flavor.id or custom_flavor(each, own)
            for name, each in {each.flavor.name: each for each in machines}.items()
        }
        self.server_groups = {
            name: server_group(each, own)
            for name, each in {m.release.name: m for m in machines if m.group}.items()
        }
        self.images = {name: self.image(name, each) for name, each in built.items()}
        self.fault = error_hook.of_server(self.wish.cloud)
        self.addresses: dict[str, Address] = {}
        self.servers: list[CloudServer] = []
        self.evidence: list[pulumi.Output[Evidence]] = []
        self.cutovers: list[pulumi.Resource] = []
        self.reports: dict[str, pulumi.Output[dict[str, object]]] = {}

    def image(self, name: str, built: NixImage) -> GlanceImage:
        """The image of a release that stays."""
        request = partial(
            retention.publish,
            self.survey.release(name),
            wish=self.wish,
            stack=self.scene.stack,
            count=self.survey.counts[name],
        )
        return GlanceImage(name, built.artifact.apply(request), self.inside)

    def serve(self, planned: Machine) -> None:
        """The server, its verification, and the cut-over to it."""
        address = Address(planned, self.scene.places.pool_name, self.inside)
        self.addresses[planned.server.name] = address
        # a batch at a time: the next ones boot when the ones before have been verified
        batch = self.servers[-self.wish.boot_concurrency :]
        after = [batch[0].verification] if len(batch) == self.wish.boot_concurrency else []
        server = self.server(planned, address, after)
        self.servers.append(server)
        cutover = Cutover(planned, address, server, self.ready, self.inside)
        self.cutovers.append(cutover)
        evidence = server.verification.evidence
        self.evidence.append(evidence)
        self.reports[planned.server.name] = pulumi.Output.all(
            address.value, server.address, evidence, cutover.moved
        ).apply(lambda told: server_output.server_output(planned, *told).plain())

    def keep(self, planned: Machine) -> None:
        """An older server: it stays as it is, with the evidence of its verification."""
        self.server(planned, self.addresses[planned.server.name], [])

    def try_out(self, planned: Machine) -> None:
        """A test server that its verification makes and removes."""
        request = pulumi.Output.all(
            self.images[planned.release.name].published,
            self.network,
            self.groups[planned.security_group].id,
            self.flavors[planned.flavor.name],
        ).apply(lambda ids: planned.trial(ids[0].id, *ids[1:]))
        options = pulumi.ResourceOptions(depends_on=self.ready)
        args: VerificationArgs = {"command": "openstack.verify-ephemeral", "request": request}
        self.evidence.append(Verification(planned.id, args, options).evidence)

    def server(
        self, planned: Machine, address: Address, after: Sequence[pulumi.Resource]
    ) -> CloudServer:
        """A server in its place."""
        site = Site(
            network=self.network,
            security_group=self.groups[planned.security_group].id,
            flavor=self.flavors[planned.flavor.name],
            group=self.server_groups.get(planned.release.name) if planned.group else None,
            stable=address.value,
            ready=self.ready,
            fault=self.fault,
        )
        return CloudServer(planned, self.images[planned.release.name], site, after, self.inside)

    def shelve(self) -> None:
        """Show the wanted releases' images and hide the older ones', when all is done."""
        wanted = {release.name for release in self.survey.releases.values()}
        Shelf(
            self.wish.cloud,
            [image for name, image in self.images.items() if name in wanted],
            [image for name, image in self.images.items() if name not in wanted],
            self.evidence,
            self.cutovers,
        )

    def standing(self, server: str) -> pulumi.Output[Any]:
        """A server's machines: user data is in that, and it is for the next run, not for people."""
        machines = {server: self.survey.plan.standing[server]}
        told = self.reports.get(server, pulumi.Output.all(*self.evidence))
        return pulumi.Output.secret(told.apply(lambda _: machine.plain(machines)[server]))

    def deployed(self) -> Deployment:
        """What the next run and people read: through the evidence, like the ledger."""
        published = pulumi.Output.all(
            **{name: image.published for name, image in self.images.items()}
        ).apply(
            lambda all_: {
                name: codec.plain(Publication(image.id, self.survey.counts[name]))
                for name, image in all_.items()
            }
        )
        verified = pulumi.Output.all(*self.evidence)
        return Deployment(
            self.evidence,
            servers=self.reports,
            machines={name: self.standing(name) for name in self.survey.plan.standing},
            details={
                "published": pulumi.Output.all(verified, published).apply(lambda both: both[1]),
                "project": verified.apply(lambda _: self.scene.look.project),
            },
        )


def custom_flavor(planned: Machine, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A flavor that fits exactly; its name says all that it is, so it never changes."""
    flavor = planned.flavor
    return compute.Flavor(
        f"flavor-{flavor.name}",
        name=flavor.name,
        vcpus=flavor.vcpus,
        ram=flavor.memory,
        disk=flavor.disk // 1024,
        extra_specs=dict(flavor.extra_specs),
        is_public=True,
        opts=opts,
    ).id


def server_group(planned: Machine, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The servers of one release on different hypervisors; those of two may share one."""
    name = f"{planned.stack}-{planned.release.name}"
    return compute.ServerGroup(
        f"server-group-{planned.release.name}", name=name, policies=planned.group, opts=opts
    ).id


GRAPH: TargetGraph[StackPlan] = deploy
