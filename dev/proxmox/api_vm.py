"""Methods on VMs: their configurations."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dev.proxmox import api_ha, cloudinit, options
from dev.proxmox.disks import drive
from dev.proxmox.errors import PveError
from dev.proxmox.lab import Call, Lab, Steps, route, task
from dev.proxmox.machines import DRIVE, Machine, network_text
from dev.proxmox.tasks import Log
from dev.proxmox.volumes import owner

PATH = "/nodes/{node}/qemu"
VM = PATH + "/{vmid}"
NOT_OPTIONS = {"node", "vmid", "pool", "start", "unique", "storage", "digest", "delete", "revert",
               "force", "skiplock"}  # fmt: skip
AT_ONCE = {"name", "onboot", "shares", "startup", "description", "protection", "tags"}
"""Options that change while a VM runs; the others wait for its next start."""


@route(f"GET {VM}/config")
def config(lab: Lab, call: Call) -> dict[str, Any]:
    return lab.machines.shown(lab.machine(call))


@route(f"GET {VM}/pending")
def pending(lab: Lab, call: Call) -> list[dict[str, Any]]:
    return lab.machines.pending(lab.machine(call))


@route(f"GET {VM}/status/current")
def status(lab: Lab, call: Call) -> dict[str, Any]:
    managed = int(f"vm:{call.vmid}" in api_ha.entries(lab))
    return lab.machines.status(lab.machine(call)) | {"ha": {"managed": managed}}


@route(f"GET {VM}/cloudinit/dump")
def cloudinit_dump(lab: Lab, call: Call) -> str:
    return cloudinit.FILES[call.given["type"]](lab.machine(call))


def claim(lab: Lab, made: Machine, pool: str | None, taken: str) -> None:
    """Take the number of a VM that is to be made. Raises PveError where it is taken."""
    with lab.machines.lock(0):
        if node := lab.machines.node_of(made.vmid):
            raise PveError(taken.format(made.vmid, node))
        lab.machines.save(made)
        lab.created[made.vmid] = time.monotonic()
    if pool:
        lab.access.put_into(pool, made.vmid)


@contextmanager
def undone(lab: Lab, made: Machine) -> Iterator[None]:
    """Remove a VM and its disks where the block that makes it fails."""
    try:
        yield
    except Exception:
        lab.volumes.remove_all(made.node, made.vmid)
        lab.machines.forget(made)
        lab.access.put_into(None, made.vmid)
        raise
    lab.machines.save(made)


def identity() -> dict[str, str]:
    """What no two VMs have in common."""
    return {"smbios1": f"uuid={uuid.uuid4()}", "vmgenid": str(uuid.uuid4())}


@task(f"POST {PATH}", "qmcreate")
def create(lab: Lab, call: Call) -> Steps:
    pool = call.given.get("pool")
    given = {key: value for key, value in call.given.items() if key not in NOT_OPTIONS}
    lab.access.demand_new(call.who, call.vmid, pool)
    options.demand(lab, call, pool, given)
    made = Machine(call.node, call.vmid, {"lock": "create"})
    claim(lab, made, pool, "unable to create VM {0} - VM {0} already exists on node '{1}'")
    with undone(lab, made):
        log = yield
        config = materialised(lab, made, given, log) | identity()
        config["meta"] = f"creation-qemu=7.2.22,ctime={int(time.time())}"
        bootable = [key for key in sorted(config) if re.fullmatch(r"(ide|scsi|virtio|net)\d+", key)]
        config.setdefault("boot", f"order={';'.join(bootable)}")
        made.config = config
    if call.given.get("start") == "1":
        lab.guests.start(made)


@route(f"PUT {VM}/config")
def update(lab: Lab, call: Call) -> None:
    given = {key: value for key, value in call.given.items() if key not in NOT_OPTIONS}
    removed = set(re.split(r"[ ,;]+", call.given.get("delete", ""))) - {""}
    with lab.changing(call) as machine:
        options.demand(lab, call, lab.access.pool_of(call.vmid), given, removed)
        if call.given.get("digest", machine.digest) != machine.digest:
            raise PveError("checksum mismatch (file change by other user?)")
        machine.refuse_locked()
        runs = lab.guests.pid(machine.vmid) is not None
        wanted: dict[str, str | None] = dict(materialised(lab, machine, given, lambda _: None))
        wanted |= dict.fromkeys(removed)
        changed = {key: value for key, value in (machine.pending | wanted).items()
                   if value != machine.config.get(key)}  # fmt: skip
        machine.pending = {key: changed[key] for key in changed if not runs or key in AT_ONCE}
        for key, volid in machine.drives().items():
            if machine.pending.get(key, "") is None and owner(volid) == machine.vmid:
                if "cloudinit" in volid:
                    lab.volumes.remove(machine.node, volid)
                else:
                    machine.detach(volid)
        machine.apply()
        machine.pending = {key: changed[key] for key in changed if runs and key not in AT_ONCE}


def materialised(lab: Lab, machine: Machine, given: Mapping[str, str], log: Log) -> dict[str, str]:
    """Options as a configuration holds them; disks that they ask for are made."""
    made = {}
    for key, value in sorted(given.items()):
        if DRIVE.fullmatch(key):
            made[key] = drive(lab, machine, key, lab.schema.parts(key, value), log)
        elif re.fullmatch(r"net\d+", key):
            made[key] = network_text(lab.schema.parts(key, value))
        elif key == "tags":
            made[key] = ";".join(sorted(set(re.split(r"[ ,;]+", value.lower())) - {""}))
        else:
            made[key] = cloudinit.hashed(value) if key == "cipassword" else value
    return made


@task(f"DELETE {VM}", "qmdestroy")
def destroy(lab: Lab, call: Call) -> Steps:
    machine = lab.machine(call)
    if machine.config.get("protection") == "1":
        raise PveError(f"can't remove VM {machine.vmid} - protection mode enabled")
    if f"vm:{machine.vmid}" in api_ha.entries(lab) and call.given.get("purge") != "1":
        raise PveError(f"unable to remove VM {machine.vmid} - used in HA resources and purge "
                       "parameter not set.")  # fmt: skip
    if lab.guests.pid(machine.vmid):
        raise PveError(f"VM {machine.vmid} is running - destroy failed")
    log = yield
    with lab.machines.lock(call.vmid):
        machine = lab.machine(call)
        unused = [value for key, value in machine.config.items() if key.startswith("unused")]
        own = [each for each in (*machine.drives().values(), *unused) if owner(each) == call.vmid]
        for volid in own:
            lab.volumes.refuse_used(call.node, volid)
        for volid in own:
            lab.volumes.remove(call.node, volid)
        if call.given.get("purge") == "1":
            log(f"purging VM {machine.vmid} from related configurations..")
            api_ha.forget(lab, machine.vmid)
        lab.machines.forget(machine)
        lab.access.put_into(None, machine.vmid)
