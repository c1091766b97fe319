"""A server of one release as a clone of that release's template."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flakeship.rollout.machine import PlannedMachine
from flakeship.targets.proxmox.resources import Marks
from flakeship.targets.proxmox.settings import Clone, ProxmoxInstance
from flakeship.verify.request import Addressing, VerifyRequest

GIGABYTE = 1024  # MiB in the GiB that the plugin's disks are given in


def whole_gigabytes(mebibytes: int) -> int:
    """A size in MiB as the plugin makes it: in whole GiB, rounded up."""
    return -(-mebibytes // GIGABYTE) * GIGABYTE


@dataclass(frozen=True, kw_only=True)
class Machine(PlannedMachine):
    """`vmid` is 0, and `node` empty, until it is placed.

    `template` is the id of what it was cloned from, on a storage of disks. `address` has the length
    of its prefix; empty: by DHCP.
    """

    server: ProxmoxInstance
    bridge: str
    vlan: int
    cpu: str
    storage: str
    pool: str
    clone: Clone
    vmid: int = 0
    node: str = ""
    template: int = 0
    address: str = ""

    @property
    def traits(self) -> Sequence[object]:
        """Everything that Proxmox VE or cloud-init gives a machine only when it is made, or off.

        The node is not among them, unless the settings name it: people and HA move machines.
        """
        options = self.server.options
        return [
            self.server.vcpus,
            self.server.memory,
            self.disk,
            self.location,
            self.cpu,
            self.storage,
            options.node,
            self.addressing,
            options.boot_order,
        ]

    @property
    def location(self) -> str:
        """Its network: `<bridge>` or `<bridge>.<VLAN>`."""
        return f"{self.bridge}.{self.vlan}" if self.vlan else self.bridge

    @property
    def addressing(self) -> Sequence[object]:
        """What cloud-init sets up with an address, whichever one it is; by DHCP nothing."""
        options = self.server.options
        if not options.addresses:
            return []
        network = str(ipaddress.ip_interface(options.addresses[0]).network)
        return [network, options.gateway, options.dns_servers, options.search_domain]

    @property
    def disk(self) -> int:
        """The root disk in MiB."""
        return whole_gigabytes(self.server.disk)

    @property
    def uefi(self) -> bool:
        """Whether it needs UEFI: what boots by either gets a BIOS, which needs no disk."""
        return self.release.firmware == "uefi"

    @property
    def marks(self) -> Marks:
        """What its tags say."""
        return Marks(stack=self.stack, machine=self.id, address=self.address.partition("/")[0])

    @property
    def verification(self) -> VerifyRequest:
        """What to check of it."""
        addressing: Addressing = "static" if self.address else "dhcp"
        return replace(self.checks, disk=self.disk, addressing=addressing)

    def adopt(self, deployed: Machine) -> Machine:
        """The machine where it is, as a clone of what it was made of, with its address."""
        return replace(
            self,
            vmid=deployed.vmid,
            node=deployed.node,
            template=deployed.template,
            clone=deployed.clone,
            address=deployed.address,
            pool=deployed.pool,
        )
