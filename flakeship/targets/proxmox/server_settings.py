"""The settings of a server that only the target `proxmox` has."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import model_validator

from flakeship.config.server import ServerOptions
from flakeship.model.addresses import Address
from flakeship.model.fields import NoWord, refuse_unused, wrong
from flakeship.targets.proxmox.fields import (
    Gateway,
    InterfaceAddress,
    NoBridge,
    NoCpuType,
    NoDomain,
    NoInterfaceAddress,
    NoNodeName,
    Vlan,
    is_no_machines,
)

BootDevice = Literal["disk", "network"]


class ProxmoxServer(ServerOptions):
    """The keys of a server on a Proxmox VE cluster."""

    node: NoNodeName = ""
    """The node that it runs on; empty: one of the stack's. Another one gets another machine."""
    bridge: NoBridge = ""
    """Its bridge or VNet; empty: the stack's."""
    vlan: Vlan | None = None
    """Its VLAN, 0: none; left out: the stack's."""
    cpu: NoCpuType = ""
    """Its CPU type; empty: the stack's."""
    addresses: list[InterfaceAddress] = []
    """The addresses that its machines get by cloud-init, with the length of the prefix; empty: by
    DHCP. Two machines run during a rollout, beside those on standby: each needs one."""
    gateway: Gateway = ""
    """The gateway of these addresses; empty: none."""
    dns_servers: list[Address] = []
    """The DNS servers of machines with such an address."""
    search_domain: NoDomain = ""
    """The search domain of machines with such an address."""
    service_address: NoInterfaceAddress = ""
    """An address that its active machine has beside its own, and that moves with the cutover."""
    dns_name: NoDomain = ""
    """A name in DNS that leads to its active machine, in the place of a service address."""
    boot_order: list[BootDevice] = ["disk"]
    """What it boots from, the first that works."""
    start_on_boot: bool = True
    """Whether it starts when its node does."""
    ha: bool = False
    """Whether the cluster's high availability manages it. Needs Sys.Audit and Sys.Console on
    /."""
    ha_group: NoWord = ""
    """Its HA group; only before Proxmox VE 9, which has rules in their place."""

    @model_validator(mode="after")
    def _consistent(self) -> ProxmoxServer:
        self._check_addresses()
        if self.service_address and self.dns_name:
            what = "is not used with a service address"
            raise wrong(what, at="dnsName", remedy="remove one of them")
        if self.ha_group and not self.ha:
            raise wrong("is not used without ha", at="haGroup", remedy="set ha to true")
        if "disk" not in self.boot_order or len({*self.boot_order}) != len(self.boot_order):
            allowed = "disk, network: each once, and disk always"
            raise wrong("must have the disk, and nothing twice", at="bootOrder", allowed=allowed)
        return self

    def _check_addresses(self) -> None:
        if not self.addresses:
            own = {
                "gateway": self.gateway,
                "dns_servers": self.dns_servers,
                "search_domain": self.search_domain,
            }
            given = [name for name, value in own.items() if value]
            remedy = "give it addresses, or remove it: DHCP brings its own"
            refuse_unused(self, given, "addresses by DHCP", remedy=remedy)
            return
        interfaces = [ipaddress.ip_interface(each) for each in self.addresses]
        if len({each.ip for each in interfaces}) != len(interfaces):
            raise wrong("has an address twice", at="addresses", remedy="give each once")
        networks = {each.network for each in interfaces}
        if len(networks) > 1:
            shown = ", ".join(sorted(map(str, networks)))
            what = f"must be in one network, and these are in {shown}"
            raise wrong(what, at="addresses", remedy="a server's machines take each other's place")
        network = networks.pop()
        service = self.service_address.partition("/")[0]
        if service and is_no_machines(ipaddress.ip_interface(service).ip, network):
            what = f"is no machine's in {network}, the network of the addresses"
            raise wrong(what, at="serviceAddress", remedy="give it another one of that network")
        if not self.gateway:
            return
        gateway = ipaddress.ip_address(self.gateway)
        if gateway not in network or gateway in {each.ip for each in interfaces}:
            what = "must be in the network of the addresses, and none of them"
            raise wrong(what, at="gateway", allowed=f"an address in {network}")
