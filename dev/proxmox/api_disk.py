"""Methods on the disks of VMs, and those that make VMs of VMs."""

from __future__ import annotations

from dev.proxmox import disks
from dev.proxmox.api_vm import VM, claim, identity, undone
from dev.proxmox.errors import PveError
from dev.proxmox.lab import Call, Lab, Steps, task
from dev.proxmox.machines import Machine, network_text
from dev.proxmox.options import demand_space
from dev.proxmox.volumes import split


@task(f"PUT {VM}/resize", "resize")
def resize(lab: Lab, call: Call) -> Steps:
    lab.machine(call).refuse_locked()
    log = yield
    with lab.changing(call) as machine:
        disks.grow(lab, machine, call.given["disk"], call.given["size"], log)


@task(f"POST {VM}/template", "qmtemplate")
def template(lab: Lab, call: Call) -> Steps:
    machine = lab.machine(call)
    if machine.template:
        raise PveError("you can't convert a template to a template")
    if lab.guests.pid(machine.vmid):
        raise PveError("you can't convert a VM to template if VM is running")
    yield
    with lab.changing(call) as machine:
        disks.to_base(lab, machine)
        machine.config["template"] = "1"


@task(f"POST {VM}/clone", "qmclone")
def clone(lab: Lab, call: Call) -> Steps:
    source, given = lab.machine(call), call.given
    full = given.get("full", str(int(not source.template))) == "1"
    taken = "unable to create VM {0}: config file already exists"
    if lab.machines.node_of(given["newid"]):
        raise PveError(taken.format(given["newid"]))
    for option in {"storage", "format"} & set(given) if not full else ():
        raise PveError(f"parameter '{option}' not allowed for linked clones")
    source.refuse_locked()
    node, storages = given.get("target", call.node), lab.site.storages
    local = [each for each in source.drives().values() if not storages[split(each)[0]].shared]
    if node != call.node and (local or node not in lab.site.nodes):
        raise PveError(f"can't clone VM to node '{node}' (VM uses local storage)")
    for key, volid in source.disks().items():
        demand_space(lab, call.who, given.get("storage", split(volid)[0]))
        if not full and not source.template:
            raise PveError(f"Linked clone feature is not supported for drive '{key}'")
    made = Machine(node, int(given["newid"]), {"lock": "clone"})
    claim(lab, made, given.get("pool"), taken)
    with undone(lab, made):
        log = yield
        if lab.site.version == "9.2":
            log(f"creating a clone of VM {source.vmid} with ID {made.vmid}")
        config = source.cloneable() | identity()
        config["name"] = given.get("name", f"Copy-of-VM-{source.config.get('name', source.vmid)}")
        if "description" in given:
            config["description"] = given["description"]
        for key in [each for each in config if each.startswith("net")]:
            config[key] = network_text(lab.schema.parts(key, config[key]), fresh=True)
        made.config = config | disks.clone(lab, source, made, given, log, full=full)
