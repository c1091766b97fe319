"""A private network of the stack's own, and the security groups of its servers."""

from __future__ import annotations

import pulumi
from pulumi_openstack import networking

from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.ownership_tags import marked, tags
from flakeship.targets.openstack.settings import NetworkSettings


class PrivateNetwork(pulumi.ComponentResource):
    """A network with a router to the outside. `ready` is there once traffic can pass.

    It is named by its addresses: with other ones there is another network, beside the first until
    the last server has left that.
    """

    id: pulumi.Output[str]
    ready: pulumi.Resource

    def __init__(
        self,
        stack: str,
        wish: NetworkSettings,
        external: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = wish.named(stack)
        mark = name.removeprefix(f"{stack}-")
        super().__init__("flakeship:openstack:PrivateNetwork", name, None, opts)
        marks = tags(marked(stack, "network"))
        inside = pulumi.ResourceOptions(parent=self)
        network = networking.Network(f"network-{mark}", name=name, tags=marks, opts=inside)
        router = networking.Router(
            f"router-{mark}", name=name, external_network_id=external, tags=marks, opts=inside
        )
        subnet = networking.Subnet(
            f"subnet-{mark}",
            name=name,
            network_id=network.id,
            cidr=wish.cidr,
            dns_nameservers=wish.dns,
            tags=marks,
            opts=inside,
        )
        self.ready = networking.RouterInterface(
            f"router-interface-{mark}", router_id=router.id, subnet_id=subnet.id, opts=inside
        )
        if wish.ipv6:
            subnet6 = networking.Subnet(
                f"subnet6-{mark}",
                name=f"{name}-ipv6",
                network_id=network.id,
                cidr=wish.ipv6,
                ip_version=6,
                ipv6_address_mode="slaac",
                ipv6_ra_mode="slaac",
                tags=marks,
                opts=inside,
            )
            # one after the other: a port gets the addresses of the subnets there are
            self.ready = networking.RouterInterface(
                f"router-interface6-{mark}",
                router_id=router.id,
                subnet_id=subnet6.id,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[self.ready]),
            )
        self.id = network.id
        self.register_outputs({})


class SecurityGroup(pulumi.ComponentResource):
    """Lets in the declared ports from their sources, and nothing else.

    The rules come with Neutron's own two that let everything out.
    """

    id: pulumi.Output[str]

    def __init__(self, machine: Machine, opts: pulumi.ResourceOptions | None = None) -> None:
        name = machine.security_group
        super().__init__("flakeship:openstack:SecurityGroup", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        group = networking.SecGroup(
            f"security-group-{name}",
            name=name,
            description="The declared ports of servers",
            tags=tags(marked(machine.stack, "security-group")),
            opts=inside,
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
                opts=inside,
            )
            for rule in machine.rules
        ]
        # whoever uses the group gets it with all its rules
        self.id = pulumi.Output.all(group.id, *(rule.id for rule in rules)).apply(
            lambda ids: ids[0]
        )
        self.register_outputs({})
