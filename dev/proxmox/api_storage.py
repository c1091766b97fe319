"""Methods on storages."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from dev.proxmox.errors import PveError, invalid
from dev.proxmox.lab import Call, Lab, Steps, route, task
from dev.proxmox.options import demand_volume

PATH = "/nodes/{node}/storage/{storage}"
READERS = ("Datastore.Audit", "Datastore.AllocateSpace")
EXTENSIONS = {"iso": r"\.(iso|img)", "vztmpl": r"\.tar\.(gz|xz|zst|bz2)",
              "import": r"\.(ova|qcow2|raw|vmdk)"}  # fmt: skip


@route("GET /nodes/{node}/storage")
def storages(lab: Lab, call: Call) -> list[dict[str, Any]]:
    found = []
    for name in lab.site.storages:
        if lab.access.may(call.who, f"/storage/{name}", *READERS, some=True):
            figures = lab.volumes.status(call.node, name)
            fraction = figures["used"] / figures["total"]
            found.append({"storage": name, "used_fraction": fraction} | figures)
    wanted = set(call.given.get("content", "").split(",")) - {""}
    return [each for each in found if wanted <= set(each["content"].split(","))]


@route(f"GET {PATH}/status")
def status(lab: Lab, call: Call) -> dict[str, Any]:
    return lab.volumes.status(call.node, lab.site.storage(call.given["storage"]).name)


@route(f"GET {PATH}/content")
def content(lab: Lab, call: Call) -> list[dict[str, Any]]:
    storage = lab.site.storage(call.given["storage"]).name
    may, who = lab.access.may, call.who
    all_of_them = may(who, f"/storage/{storage}", "Datastore.Allocate")
    return [
        each
        for each in lab.volumes.listed(call.node, storage, call.given.get("content", ""))
        if call.given.get("vmid") in {None, str(each.get("vmid"))}
        and (all_of_them or "vmid" not in each or may(who, f"/vms/{each['vmid']}", "VM.Audit"))
    ]


def _volid(call: Call) -> str:
    """The volume of a request, whose storage may be left out."""
    volume = call.given["volume"]
    return volume if ":" in volume else f"{call.given['storage']}:{volume}"


@route(f"GET {PATH}/content/{{volume}}")
def volume(lab: Lab, call: Call) -> dict[str, Any]:
    volid = _volid(call)
    demand_volume(lab.access, call.who, 0, volid)
    return lab.volumes.info(call.node, volid) | {"path": str(lab.volumes.path(call.node, volid))}


@task(f"DELETE {PATH}/content/{{volume}}", "imgdel", of="storage")
def delete(lab: Lab, call: Call) -> Steps:
    lab.access.demand(call.who, f"/storage/{call.given['storage']}", "Datastore.Allocate")
    volid = _volid(call)
    file = lab.volumes.path(call.node, volid)
    log = yield
    if not lab.volumes.remove(call.node, volid):
        log(f"disk image '{file}' does not exist")
    log(f"Removed volume '{volid}'")


@task(f"POST {PATH}/upload", "imgcopy", of="")
def upload(lab: Lab, call: Call) -> Steps:
    kind, storage = call.given["content"], lab.site.storage(call.given["storage"])
    if kind not in storage.content:
        raise PveError(f"storage '{storage.name}' does not support '{kind}' content")
    name = re.sub(r"[^a-zA-Z0-9_.-]", "_", re.split(r"[/\\]", call.given["filename"])[-1])
    if not re.search(f"^[^.].*{EXTENSIONS[kind]}$", name):
        raise invalid({"filename": "invalid filename or wrong extension"})
    if (file := call.file) is None:
        raise invalid({"filename": "property is missing and it is not optional"})
    volid = f"{storage.name}:{kind}/{name}"
    log = yield
    try:
        log(f"starting file import from: {file}")
        if wanted := call.given.get("checksum"):
            log("calculating checksum...")
            with file.open("rb") as data:
                algorithm = call.given.get("checksum-algorithm", "sha256")
                digest = hashlib.file_digest(data, algorithm).hexdigest()
            if digest != wanted.lower():
                raise PveError(f"checksum mismatch: got '{digest}' != expect '{wanted}'")
        lab.volumes.bring_in(call.node, volid, file, log)
        target = lab.volumes.path(call.node, volid)
        log(f"target node: {call.node}")
        log(f"target file: {target}")
        log(f"file size is: {file.stat().st_size}")
        log(f"command: cp -- {file} {target}")
        log("finished file import successfully")
    finally:
        file.unlink()
