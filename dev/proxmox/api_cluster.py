"""Methods on the cluster: nodes, tasks, pools, resources."""

from __future__ import annotations

import os
import time
from typing import Any

from dev.proxmox.access import least_privilege
from dev.proxmox.api_storage import storages
from dev.proxmox.errors import PveError, invalid
from dev.proxmox.lab import Call, Lab, Page, route
from dev.proxmox.tasks import Task

MORE = {"Sys.Audit", "Sys.Console", "Sys.Modify", "SDN.Audit", "VM.Migrate"}
"""Privileges that no method served here asks for in the schema."""
FIGURES = {"maxcpu", "cpu", "maxmem", "mem", "disk", "maxdisk", "uptime"}


@route("GET /version")
def version(lab: Lab, _: Call) -> dict[str, str]:
    return {"release": lab.site.version, "version": lab.site.release, "repoid": "0" * 16}


def node_figures(lab: Lab, name: str) -> dict[str, Any]:
    """A node as lists show it; its figures are this machine's."""
    shown = {"id": f"node/{name}", "node": name, "type": "node", "level": ""}
    if name in lab.faults.get("offline", []):
        return shown | {"status": "offline"}
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    disk = lab.volumes.status(name, next(iter(lab.site.storages)))
    return shown | {"status": "online", "maxcpu": os.cpu_count(), "cpu": 0, "maxmem": pages * size,
                    "mem": (pages - os.sysconf("SC_AVPHYS_PAGES")) * size, "disk": disk["used"],
                    "maxdisk": disk["total"], "uptime": int(time.monotonic())}  # fmt: skip


@route("GET /nodes")
def nodes(lab: Lab, call: Call) -> list[dict[str, Any]]:
    found = [
        node_figures(lab, name) | {"ssl_fingerprint": lab.fingerprint} for name in lab.site.nodes
    ]
    for each in found:
        if not lab.access.may(call.who, f"/nodes/{each['node']}", "Sys.Audit"):
            for key in FIGURES & set(each):
                del each[key]
    return found


@route("GET /nodes/{node}/network")
def network(_: Lab, call: Call) -> list[dict[str, Any]]:
    bridge = {"iface": "vmbr0", "type": "bridge", "active": 1, "autostart": 1, "method": "manual"}
    return [bridge] if call.given.get("type", "bridge") in {"bridge", "any_bridge"} else []


@route("GET /cluster/nextid")
def next_id(lab: Lab, call: Call) -> str:
    taken = {machine.vmid for machine in lab.machines.every()}
    if "vmid" in call.given:
        if int(call.given["vmid"]) in taken:
            raise invalid({"vmid": f"VM {call.given['vmid']} already exists"})
        return call.given["vmid"]
    return str(next(number for number in range(100, 10**9) if number not in taken))


@route("GET /cluster/resources")
def resources(lab: Lab, call: Call) -> list[dict[str, Any]]:
    may, found = lab.access.may, []
    machines = [
        each for each in lab.resources() if may(call.who, f"/vms/{each['vmid']}", "VM.Audit")
    ]
    for pool in lab.access.pools():
        if may(call.who, f"/pool/{pool}", "Pool.Audit"):
            sums = _sums(pool, machines) if lab.site.version == "9.2" else {}
            found.append({"id": f"/pool/{pool}", "pool": pool, "type": "pool"} | sums)
    for node in nodes(lab, call):
        del node["ssl_fingerprint"]
        found.append(node | ({"cgroup-mode": 2} if "maxcpu" in node else {}))
    for name in lab.site.nodes:
        found += _storages(lab, call, name)
        if may(call.who, "/sdn/zones/localnetwork", "SDN.Audit"):
            found.append(_zone(lab, name))
    wanted = call.given.get("type")
    return [each for each in found + machines
            if wanted in {None, each["type"], {"qemu": "vm"}.get(each["type"])}]  # fmt: skip


def _sums(pool: str, machines: list[dict[str, Any]]) -> dict[str, Any]:
    """What a pool's running VMs have together."""
    running = [
        each for each in machines if each.get("pool") == pool and each["status"] == "running"
    ]
    keys = ("cpu", "maxcpu", "mem", "maxmem", "uptime") if running else ()
    return {key: sum(each[key] for each in running) for key in keys}


def _storages(lab: Lab, call: Call, node: str) -> list[dict[str, Any]]:
    online = node not in lab.faults.get("offline", [])
    entry = {"type": "storage", "node": node, "plugintype": "dir",
             "status": "available" if online else "unknown"}  # fmt: skip
    return [entry | {"id": f"storage/{node}/{each['storage']}", "disk": each["used"],
                     "maxdisk": each["total"], "storage": each["storage"],
                     "content": each["content"], "shared": each["shared"]}
            for each in storages(lab, Call(call.who, {"node": node}))]  # fmt: skip


def _zone(lab: Lab, node: str) -> dict[str, Any]:
    zone = {"node": node, "status": "ok"}
    if lab.site.version == "8.4":
        return zone | {"id": f"sdn/{node}/localnetwork", "sdn": "localnetwork", "type": "sdn"}
    return zone | {"id": f"network/{node}/zone/localnetwork", "network": "localnetwork",
                   "network-type": "zone", "type": "network"}  # fmt: skip


@route("GET /pools")
def pools(lab: Lab, call: Call) -> list[dict[str, Any]]:
    every, wanted = lab.access.pools(), call.given.get("poolid")
    if wanted is None:
        return [{"poolid": pool} for pool in every
                if lab.access.may(call.who, f"/pool/{pool}", "Pool.Audit")]  # fmt: skip
    lab.access.demand(call.who, f"/pool/{wanted}", "Pool.Audit")
    if wanted not in every:
        raise PveError(f"pool '{wanted}' does not exist")
    members = [{key: value for key, value in entry.items() if key not in {"pool", "tags"}}
               for entry in lab.resources() if entry["vmid"] in every[wanted]]  # fmt: skip
    return [{"poolid": wanted, "members": members}]


@route("GET /access/permissions")
def permissions(lab: Lab, call: Call) -> dict[str, dict[str, int]]:
    who = call.given.get("userid", call.who)
    if who != call.who:
        lab.access.demand(call.who, "/access", "Sys.Audit")
    granted = {each for held in least_privilege(lab.site.version).values() for each in held}
    found = lab.access.permissions(who, lab.schema.privileges | granted | MORE)
    wanted = call.given.get("path")
    return {path: held for path, held in found.items() if wanted in {None, path}}


def _task(lab: Lab, call: Call) -> Task:
    found = lab.tasks.find(call.given["upid"])
    if found.who != call.who:
        lab.access.demand(call.who, f"/nodes/{call.node}", "Sys.Audit")
    return found


@route("GET /nodes/{node}/tasks/{upid}/status")
def task_status(lab: Lab, call: Call) -> dict[str, Any]:
    return _task(lab, call).status()


@route("GET /nodes/{node}/tasks/{upid}/log")
def task_log(lab: Lab, call: Call) -> Page:
    start, limit = int(call.given.get("start", 0)), int(call.given.get("limit", 50))
    lines = [{"n": number, "t": line} for number, line in enumerate(_task(lab, call).lines, 1)]
    return Page(lines[start : start + limit], len(lines))
