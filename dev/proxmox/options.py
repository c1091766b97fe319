"""Which privilege an option of a VM needs, as Proxmox VE's API code has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dev.proxmox.access import Access
from dev.proxmox.errors import PveError
from dev.proxmox.machines import DRIVE
from dev.proxmox.volumes import owner, split

if TYPE_CHECKING:
    from dev.proxmox.lab import Call, Lab

GROUPS = {
    "CPU": "affinity cores cpu cpulimit cpuunits numa smp sockets vcpus",
    "Memory": "allow-ksm balloon memory shares",
    "HWType": "acpi audio0 hotplug kvm machine rng0 scsihw smbios1 tablet vga watchdog",
    "Options": "agent autostart bios description keyboard localtime migrate_downtime migrate_speed "
               "name onboot ostype protection reboot startdate startup tags tdf template",
    "Disk": "boot bootdisk vmstatestorage",
}  # fmt: skip
GROUP = {option: group for group, options in GROUPS.items() for option in options.split()}
CLOUD_INIT = re.compile(r"ci(custom|password|type|user|upgrade)|nameserver|searchdomain|sshkeys"
                        r"|ipconfig\d+")  # fmt: skip
NEW = re.compile(r"([^:/\s]+):(\d+(?:\.\d+)?)")
"""A disk that is to be allocated: a storage and GiB."""


def demand(lab: Lab, call: Call, pool: str | None, given: Mapping[str, str],
           removed: Iterable[str] = ()) -> None:  # fmt: skip
    """Raise PveError unless somebody may set these options, and remove those, of a VM."""
    vm = lab.access.of_vm(call.who, call.vmid, pool)
    for option in [*given, *removed]:
        value = given.get(option, "")
        if option == "tags" and lab.site.version == "9.2":
            # a VM that does not exist yet is in no pool, and its own path alone counts
            lab.access.demand(call.who, f"/vms/{call.vmid}", "VM.Config.Options")
        elif option in GROUP:
            vm(f"VM.Config.{GROUP[option]}")
        elif CLOUD_INIT.fullmatch(option):
            vm("VM.Config.Cloudinit", "VM.Config.Network", some=True)
        elif re.fullmatch(r"net\d+", option):
            vm("VM.Config.Network")
            if value and (bridge := lab.schema.parts(option, value).get("bridge")):
                lab.access.demand(call.who, f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")
        elif re.fullmatch(r"serial\d+", option):
            if value not in {"", "socket"}:
                raise PveError(f"only root can set '{option}' config for real devices")
            vm("VM.Config.HWType")
        elif DRIVE.fullmatch(option) or re.fullmatch(r"unused\d+", option):
            parts = lab.schema.parts(option, value) if value else {}
            vm(f"VM.Config.{'CDROM' if parts.get('media') == 'cdrom' else 'Disk'}")
            if value:
                _demand_volumes(lab, call, parts)
        else:
            raise PveError(f"only root can set '{option}' config")
        if option == "startup":
            lab.access.demand(call.who, "/", "Sys.Modify")


def _demand_volumes(lab: Lab, call: Call, parts: Mapping[str, str]) -> None:
    file = parts["file"]
    if file == "cdrom":
        lab.access.demand(call.who, "/", "Sys.Console")
    if new := NEW.fullmatch(file.replace(":cloudinit", ":0")):
        demand_space(lab, call.who, new[1])
    elif file not in {"none", "cdrom"}:
        demand_volume(lab.access, call.who, call.vmid, file)
    if source := parts.get("import-from"):
        if source.startswith("/"):
            raise PveError("Only root can pass arbitrary filesystem paths.")
        demand_volume(lab.access, call.who, call.vmid, source)


def demand_space(lab: Lab, who: str, storage: str) -> None:
    """Raise PveError unless somebody may allocate disks on a storage, and it holds some."""
    content = lab.site.storage(storage).content
    lab.access.demand(who, f"/storage/{storage}", "Datastore.AllocateSpace")
    if "images" not in content:
        raise PveError(f"storage '{storage}' does not support vm images")


def demand_volume(access: Access, who: str, vmid: int, volid: str) -> None:
    """Raise PveError unless somebody may read a volume: that of another VM needs more."""
    path = f"/storage/{split(volid)[0]}"
    if owner(volid) is None:
        access.demand(who, path, "Datastore.AllocateSpace", "Datastore.Audit", some=True)
    elif owner(volid) != vmid:
        access.demand(who, path, "Datastore.Allocate")
