"""Pulumi's plugin for a cluster, and what all virtual machines and templates have in common."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_proxmoxve as proxmox

from flakeship.targets.proxmox.api import login
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.devices import CARD, ROOT_DISK
from flakeship.targets.proxmox.plan import access
from flakeship.targets.proxmox.server_settings import BootDevice

BOOT_DEVICES: dict[BootDevice, str] = {"disk": ROOT_DISK, "network": CARD}
FILES = frozenset({"dir", "nfs", "cifs", "cephfs", "glusterfs", "btrfs"})
"""Types of storage whose disks are files: only a qcow2 file has linked clones there."""

# without it the plugin adds a drive that a token of least privilege may not have
NO_CDROM = {"file_id": "none", "interface": "ide3"}
# the provider would wait for an agent as long as it takes, and our checks know when it is missing
# (bpg/terraform-provider-proxmox#2091)
NOT_WAITED_FOR = {"disabled": True}


def provider(context: PlanningContext) -> proxmox.Provider:
    """The plugin for the stack's cluster; a token of the environment is not in the state."""
    reached = access(context.settings)
    token = pulumi.Output.secret(login.find(reached).token) if reached.token_file else None
    return proxmox.Provider("cluster", endpoint=context.inventory.endpoint, api_token=token)


def disk_format(context: PlanningContext, node: str) -> str:
    """The format of disks on the stack's storage."""
    storage = context.inventory.storage(context.settings.options.storage.disks, node)
    return "qcow2" if storage and storage.type in FILES else "raw"


def hardware(*, uefi: bool, agent: bool, cpu: str) -> dict[str, Any]:
    """The arguments that a template and its clones share.

    The serial console shows the host keys of a machine, which are pinned.
    """
    return {
        "bios": "ovmf" if uefi else "seabios",
        "agent": {"enabled": agent, "wait_for_ip": NOT_WAITED_FOR},
        "operating_system": {"type": "l26"},
        "scsi_hardware": "virtio-scsi-pci",
        "serial_devices": [{"device": "socket"}],
        "cdrom": NO_CDROM,
        "cpu": {"cores": 1, "type": cpu},
        # a machine that goes has been replaced: nobody waits for it
        "stop_on_destroy": True,
    }
