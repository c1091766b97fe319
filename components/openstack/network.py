"""The network of a stack's own, security groups, and the addresses that move between machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_openstack import networking

from flakeship.targets.openstack.network.networks import ETHERTYPES, Rule
from flakeship.targets.openstack.resources import ADDRESS, CUTOVER, SECURITY_GROUP

from .hooks import child_of
from .server import Server, depends_on

REMOVAL = "2m"
"""How long the provider asks to remove a part of a network; without it ten minutes."""


class PrivateNetworkArgs(TypedDict):
    """`external` is the id of the network that the router leads to.

    `network_name` is the name of all parts; without it they are named like the component.
    """

    external: pulumi.Input[str]
    cidr: pulumi.Input[str]
    ipv6: NotRequired[str]  # the CIDR of an IPv6 subnet
    dns: NotRequired[Sequence[str]]
    network_name: NotRequired[str]
    tags: NotRequired[Sequence[str]]


class PrivateNetwork(pulumi.ComponentResource):
    """A network with a router to the outside.

    A port needs its `subnets`, from which it gets its addresses; once `ready` exists traffic can
    pass.

    Another network needs another name: it is beside the first until the last server has left that.
    """

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:PrivateNetwork", name, None, opts)
        title, tags = args.get("network_name", name), [*args.get("tags", ())]
        # Neutron refuses to remove what something of others uses, and that lasts
        child = child_of(
            self,
            opts,
            pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete=REMOVAL)),
        )
        network = networking.Network(
            f"network-{name}",
            name=title,
            # some clouds make networks without it, on which Neutron refuses security groups
            port_security_enabled=True,
            tags=tags,
            opts=child,
        )
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
            dns_nameservers=[*args.get("dns", ())] or None,
            tags=tags,
            opts=child,
        )
        self.subnets: list[pulumi.Resource] = [subnet]
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
            self.subnets.append(subnet6)
            self.ready = networking.RouterInterface(
                f"router-interface6-{name}",
                router_id=router.id,
                subnet_id=subnet6.id,
                opts=pulumi.ResourceOptions.merge(
                    child, pulumi.ResourceOptions(depends_on=[self.ready])
                ),
            )
        self.id = network.id
        self.register_outputs({"id": self.id})


class SecurityGroupArgs(TypedDict):
    """The rules let in; two more let everything out. With another `repair` all is made anew.

    Without `group_name` it is named like the component.
    """

    rules: Sequence[Rule]
    group_name: NotRequired[str]
    tags: NotRequired[Sequence[str]]
    repair: NotRequired[int]


class SecurityGroup(pulumi.ComponentResource):
    """A security group, and its `rules`."""

    def __init__(
        self, name: str, args: SecurityGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:SecurityGroup", name, None, opts)
        child = child_of(self, opts)
        group = networking.SecGroup(
            f"security-group-{name}",
            name=args.get("group_name", name),
            description=SECURITY_GROUP,
            # Neutron's own rules are not declared: nobody would miss them
            delete_default_rules=True,
            tags=[*args.get("tags", ())],
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    delete_before_replace=False, replacement_trigger=args.get("repair", 0)
                ),
            ),
        )
        leaving = [
            networking.SecGroupRule(
                f"rule-{name}-out-{ethertype}",
                security_group_id=group.id,
                direction="egress",
                ethertype=ethertype,
                opts=child,
            )
            for ethertype in ETHERTYPES
        ]
        entering = [
            networking.SecGroupRule(
                "-".join(map(str, ("rule", name, *rule.key))),
                security_group_id=group.id,
                direction="ingress",
                ethertype=rule.ethertype,
                protocol=rule.protocol,
                port_range_min=rule.port,
                port_range_max=rule.end,
                remote_ip_prefix=rule.source,
                opts=child,
            )
            for rule in args["rules"]
        ]
        self.rules: list[pulumi.Resource] = [*leaving, *entering]
        self.id = group.id
        self.register_outputs({"id": self.id})


class AddressArgs(TypedDict):
    """`pool` is the name of the external network; with another `repair` it is made anew."""

    pool: pulumi.Input[str]
    description: NotRequired[str]
    tags: NotRequired[Sequence[str]]
    repair: NotRequired[int]


class Address(pulumi.ComponentResource):
    """A floating IP that stays as long as its server."""

    def __init__(
        self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Address", name, None, opts)
        self.address = networking.FloatingIp(
            ADDRESS.name(name),
            pool=args["pool"],
            description=args.get("description"),
            tags=[*args.get("tags", ())],
            opts=child_of(
                self,
                opts,
                pulumi.ResourceOptions(
                    depends_on=depends_on(opts), replacement_trigger=args.get("repair", 0)
                ),
            ),
        ).address
        self.register_outputs({"address": self.address})


class CutoverArgs(TypedDict):
    """A floating IP, and the server that becomes active: its port, after its verification.

    With another `repair` the address is moved again, although it has been.
    """

    address: pulumi.Input[str]
    server: Server
    repair: NotRequired[int]


class Cutover(pulumi.ComponentResource):
    """Moves the address to a machine, only after its verification has passed.

    One association, named by the server alone: its port changes in place, which takes the cloud
    0.1 s. Only with another address it is replaced, the old one first: a port takes one alone.
    """

    def __init__(
        self, name: str, args: CutoverArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:openstack:Cutover", name, None, opts)
        server = args["server"]
        self.port = networking.FloatingIpAssociate(
            CUTOVER.name(name),
            floating_ip=args["address"],
            port_id=server.port,
            opts=child_of(
                self,
                opts,
                pulumi.ResourceOptions(
                    depends_on=[server.instance, server.verification, *depends_on(opts)],
                    delete_before_replace=True,
                    replacement_trigger=args.get("repair", 0),
                ),
            ),
        ).port_id
        self.register_outputs({"port": self.port})
