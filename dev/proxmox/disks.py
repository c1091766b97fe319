"""The disks of VMs: made, grown, turned into a template's, cloned and moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.proxmox.errors import PveError
from dev.proxmox.machines import Machine, drive_text, to_bytes
from dev.proxmox.options import NEW
from dev.proxmox.tasks import Log
from dev.proxmox.volumes import Place, owner, split

if TYPE_CHECKING:
    from dev.proxmox.lab import Lab

FIRMWARE_SIZE = 540672  # of the variables of a UEFI firmware


def drive(lab: Lab, machine: Machine, key: str, given: dict[str, str], log: Log) -> str:
    """A drive as a configuration holds it; a disk that it asks for is made."""
    file, node, vmid = given["file"], machine.node, machine.vmid
    if file in {"none", "cdrom"}:
        return drive_text(file, given, None)
    if file.endswith(":cloudinit"):
        volid = lab.volumes.allocate_cloudinit(Place(node, split(file)[0], vmid))
        return drive_text(volid, given | {"media": "cdrom"}, None)
    if not (new := NEW.fullmatch(file)):
        return drive_text(file, given, lab.volumes.size(node, file))
    place = Place(node, new[1], vmid)
    if source := given.get("import-from"):
        log(f"create full clone of drive ({source})")
        volid = lab.volumes.copy(source, place, given.get("format"), log)
    else:
        size = FIRMWARE_SIZE if key == "efidisk0" else int(float(new[2]) * 2**30)
        volid = lab.volumes.allocate(place, size, given.get("format", "raw"), log)
        if key == "efidisk0":
            lab.volumes.fill_firmware(node, volid)
    text = drive_text(volid, given, lab.volumes.size(node, volid))
    log(f"{key}: successfully created disk '{text}'")
    return text


def grow(lab: Lab, machine: Machine, key: str, wanted: str, log: Log) -> None:
    """Grow a disk to a size, or by +size. Raises PveError."""
    if (volid := machine.drives().get(key)) is None:
        raise PveError(f"disk '{key}' does not exist")
    before = lab.volumes.size(machine.node, volid)
    size = to_bytes(wanted.lstrip("+")) + (before if wanted.startswith("+") else 0)
    if size < before:
        raise PveError("shrinking disks is not supported")
    if size == before:
        return
    if lab.guests.pid(machine.vmid):
        lab.guests.tell(machine.vmid, "block_resize", device=f"drive-{key}", size=size)
    else:
        lab.volumes.resize(machine.node, volid, size)
        log("Image resized.")
    machine.config[key] = drive_text(volid, lab.schema.parts(key, machine.config[key]), size)


def to_base(lab: Lab, machine: Machine) -> None:
    """Rename the disks of a VM to those of a template."""
    for key, volid in machine.disks().items():
        if owner(volid) == machine.vmid:
            base = lab.volumes.to_base(machine.node, volid)
            machine.config[key] = machine.config[key].replace(volid, base)


def clone(lab: Lab, source: Machine, made: Machine, given: dict[str, str], log: Log, *,
          full: bool) -> dict[str, str]:  # fmt: skip
    """The drives of a clone, whose disks are made."""
    drives = {}
    for key, volid in source.drives().items():
        parts, size = lab.schema.parts(key, source.config[key]), None
        place = Place(made.node, given.get("storage", split(volid)[0]), made.vmid)
        if "cloudinit" in volid:
            new = lab.volumes.allocate_cloudinit(place)
        elif key not in source.disks():
            new = volid
        else:
            log(f"create {'full' if full else 'linked'} clone of drive {key} ({volid})")
            new = (lab.volumes.copy(volid, place, given.get("format"), log) if full
                   else lab.volumes.link(source.node, volid, made.vmid, log))  # fmt: skip
            size = lab.volumes.size(made.node, new)
        drives[key] = drive_text(new, parts, size)
    return drives
