"""A private network of a stack's own, and the security groups of its servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import networking

from flakeship.targets.openstack.network.networks import Rule
from flakeship.targets.openstack.owned_resources import SECURITY_GROUP


class PrivateNetworkArgs(TypedDict):
    """The inputs of PrivateNetwork."""

    external: pulumi.Input[str]
    """The id of the external network that the router leads to."""
    cidr: pulumi.Input[str]
    ipv6: NotRequired[str]
    """The CIDR of an IPv6 subnet; without it there is none."""
    dns: NotRequired[Sequence[str]]
    network_name: NotRequired[str]
    """The name of all its parts in Neutron; without it that of the component."""
    tags: NotRequired[Sequence[str]]


class PrivateNetwork(pulumi.ComponentResource):
    """A network with a router to the outside. `ready` exists once traffic can pass.

    Another network needs another name: it is beside the first until the last server has left that.
    """

    id: pulumi.Output[str]
    ready: pulumi.Resource

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:PrivateNetwork", name, None, opts)
        title, tags = args.get("network_name", name), [*args.get("tags", ())]
        child = pulumi.ResourceOptions(parent=self)
        network = networking.Network(f"network-{name}", name=title, tags=tags, opts=child)
        router = networking.Router(
            f"router-{name}",
            name=title,
            external_network_id=args["external"],
            tags=tags,
            opts=child,
        )
        subnet = networking.Subnet(
            f"subnet-{name}",
            name=title,
            network_id=network.id,
            cidr=args["cidr"],
            dns_nameservers=[*args.get("dns", ())],
            tags=tags,
            opts=child,
        )
        self.ready = networking.RouterInterface(
            f"router-interface-{name}", router_id=router.id, subnet_id=subnet.id, opts=child
        )
        if args.get("ipv6"):
            subnet6 = networking.Subnet(
                f"subnet6-{name}",
                name=f"{title}-ipv6",
                network_id=network.id,
                cidr=args["ipv6"],
                ip_version=6,
                ipv6_address_mode="slaac",
                ipv6_ra_mode="slaac",
                tags=tags,
                opts=child,
            )
            # one after the other: a port gets addresses of the subnets that exist
            self.ready = networking.RouterInterface(
                f"router-interface6-{name}",
                router_id=router.id,
                subnet_id=subnet6.id,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[self.ready]),
            )
        self.id = network.id
        self.register_outputs({"id": self.id})


class SecurityGroupArgs(TypedDict):
    """The inputs of SecurityGroup."""

    rules: Sequence[Rule]
    tags: NotRequired[Sequence[str]]


class SecurityGroup(pulumi.ComponentResource):
    """Lets in the ports of its rules, and lets everything out, by Neutron's own two rules.

    `id` is known when all rules are there.
    """

    id: pulumi.Output[str]

    def __init__(
        self, name: str, args: SecurityGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:SecurityGroup", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = networking.SecGroup(
            f"security-group-{name}",
            name=name,
            description=SECURITY_GROUP,
            tags=[*args.get("tags", ())],
            opts=child,
        )
        rules = [
            networking.SecGroupRule(
                "-".join(map(str, ("rule", name, *rule.key))),
                security_group_id=group.id,
                direction="ingress",
                ethertype=rule.ethertype,
                protocol=rule.protocol,
                port_range_min=rule.port,
                port_range_max=rule.port,
                remote_ip_prefix=rule.source,
                opts=child,
            )
            for rule in args["rules"]
        ]
        self.id = pulumi.Output.all(group.id, *(rule.id for rule in rules)).apply(
            lambda ids: str(ids[0])
        )
        self.register_outputs({"id": self.id})
