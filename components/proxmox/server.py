"""A server of one release: a clone of the release's template, and its verification."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_proxmoxve as proxmox

from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.context import vm_name
from flakeship.targets.proxmox.devices import CLOUD_INIT, ROOT_DISK
from flakeship.targets.proxmox.machine import GIGABYTE, Machine
from flakeship.targets.proxmox.requests import (
    MachineEvidence,
    OwnershipRequest,
    VerifyMachineRequest,
)
from flakeship.targets.proxmox.resources import OWNERSHIP, SERVER, description, tags

from ..resource import Resource, inputs
from ..verification import Verification
from .provider import BOOT_DEVICES, hardware


class ServerArgs(TypedDict):
    """A machine, where the API is, and the id of the template, which exists by then."""

    machine: Machine
    access: Access
    template: pulumi.Input[int]
    template_node: str
    template_proof: NotRequired[pulumi.Resource | None]  # of a template that this run declares
    disk_format: str
    repair: NotRequired[int]  # another number starts it, and verifies it again


class Server(pulumi.ComponentResource):
    """A clone that runs, whose it is, and its verification.

    Its name has all that only another machine can have.
    """

    evidence: pulumi.Output[MachineEvidence]

    def __init__(
        self, name: str, args: ServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("flakeship:proxmox:Server", name, None, opts)
        machine = args["machine"]
        own = tags(machine.vmid, machine.marks)
        # another id is another resource: the plugin would remove the old one by its id, whoever has
        # that by then
        subject = f"{name}-{machine.vmid}"
        source = args.get("template_proof")
        owned = Resource(
            "flakeship:proxmox:Ownership",
            OWNERSHIP.name(subject),
            inputs(OwnershipRequest(args["access"], machine.vmid, vm_name(name), own)),
            # right before the clone, and a template cannot go before its linked clones
            pulumi.ResourceOptions(parent=self, depends_on=[source] if source else None),
        )
        made = proxmox.VmLegacy(
            SERVER.name(subject),
            **_arguments(args),
            tags=own,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[owned],
                # the resource before it removes it, see targets.proxmox.ownership
                retain_on_delete=True,
                # a template that is made again has another id, and the machine is the same; people
                # and the cluster's high availability move machines; the description has the
                # checkout that made it
                ignore_changes=["clone", "description", "nodeName", "disks"],
            ),
        )
        address = machine.marks.address
        request = VerifyMachineRequest(
            args["access"], machine.stack, machine.vmid, own, machine.verification, address
        )
        self.verification = Verification(
            name,
            {
                "type": "flakeship:proxmox:Verification",
                "inputs": inputs(replace(request, repair=args.get("repair", 0))),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[made]),
        )
        self.evidence = self.verification.answer(MachineEvidence)
        self.high_availability = _high_availability(machine, self, made, owned)
        self.register_outputs({"id": made.vm_id, "node": made.node_name})


def _arguments(args: ServerArgs) -> dict[str, Any]:
    machine, options = args["machine"], args["machine"].server.options
    common = hardware(uefi=machine.uefi, agent=machine.release.agent, cpu=machine.cpu)
    card = {"bridge": machine.bridge, "vlan_id": machine.vlan or None, "firewall": False}
    return {
        **common,
        "node_name": machine.node,
        "vm_id": machine.vmid,
        "name": vm_name(machine.id),
        # it is there from the beginning, and the tags only after it
        "description": description(machine.vmid, machine.marks, machine.template),
        "pool_id": machine.pool or None,
        "clone": {
            "vm_id": args["template"],
            # with shared storage one on another node serves all
            "node_name": args["template_node"],
            "full": machine.clone == "full",
            # once: where it tries again, it takes what "already exists" for its own
            "retries": 1,
        },
        "started": True,
        "on_boot": options.start_on_boot,
        "boot_orders": [BOOT_DEVICES[each] for each in options.boot_order],
        "cpu": {"cores": machine.server.vcpus, "type": machine.cpu},
        "memory": {"dedicated": machine.server.memory},
        "disks": [
            {
                "interface": ROOT_DISK,
                "datastore_id": machine.storage,
                "size": machine.disk // GIGABYTE,
                "file_format": args["disk_format"],
            }
        ],
        "network_devices": [card],
        "initialization": _initialization(machine),
    }


def _initialization(machine: Machine) -> dict[str, Any]:
    """What cloud-init finds on its drive: the network, and the name that the machine has."""
    options = machine.server.options
    address = machine.address or "dhcp"
    family = "ipv6" if ":" in address else "ipv4"
    dns = {"domain": options.search_domain or None, "servers": options.dns_servers or None}
    return {
        "datastore_id": machine.storage,
        "interface": CLOUD_INIT,
        "type": "nocloud",
        "ip_configs": [{family: {"address": address, "gateway": options.gateway or None}}],
        **({"dns": dns} if any(dns.values()) else {}),
    }


def _high_availability(
    machine: Machine, parent: pulumi.Resource, made: pulumi.Resource, owned: pulumi.Resource
) -> proxmox.Haresource | None:
    """The entry by which the cluster restarts a machine elsewhere; None where nobody asked."""
    options = machine.server.options
    if not options.ha:
        return None
    return proxmox.Haresource(
        f"ha-{machine.id}",
        resource_id=f"vm:{machine.vmid}",
        state="started",
        group=options.ha_group or None,
        # it goes with the machine: of one that was removed by hand Proxmox VE refuses to remove it
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[made], deleted_with=owned),
    )
