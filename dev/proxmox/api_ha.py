"""Methods on high availability: entries of VMs, which the cluster itself starts and stops then.

What is said is read from pve-ha-manager and qemu-server: none of it is recorded.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dev.proxmox.errors import PveError
from dev.proxmox.lab import Call, Lab, route

FILE = "ha.json"
PATH = "/cluster/ha/resources"
ENTRY = PATH + "/{sid}"
OPTIONS = {"comment", "failback", "group", "max_relocate", "max_restart", "state"}


def entries(lab: Lab) -> dict[str, dict[str, str]]:
    """The options of each entry, by its id, `vm:<number>`."""
    found: dict[str, dict[str, str]] = lab.site.read(FILE, {})
    return found


def asked(lab: Lab, vmid: int, state: str) -> bool:
    """Whether the cluster manages a VM: then it is asked for this state."""
    found = entries(lab)
    own = found.get(f"vm:{vmid}", {"state": "ignored"})
    if own.get("state") == "ignored":
        return False
    lab.site.write(FILE, found | {f"vm:{vmid}": own | {"state": state}})
    return True


def forget(lab: Lab, vmid: int) -> None:
    """Remove the entry of a VM, if it has one."""
    lab.site.write(FILE, {sid: own for sid, own in entries(lab).items() if sid != f"vm:{vmid}"})


def _sid(call: Call) -> str:
    given = call.given["sid"]
    return given if ":" in given else f"vm:{given}"


def _options(lab: Lab, call: Call) -> dict[str, str]:
    if "group" in call.given and lab.site.version == "9.2":
        raise PveError("invalid parameter 'group': ha groups have been migrated to rules")
    return {key: value for key, value in call.given.items() if key in OPTIONS}


@route(f"POST {PATH}")
def create(lab: Lab, call: Call) -> None:
    sid, found = _sid(call), entries(lab)
    if lab.machines.node_of(sid.partition(":")[2]) is None:
        raise PveError(f"resource '{sid}' does not exists in cluster")
    if sid in found:
        raise PveError(f"create resource failed: resource ID '{sid}' already defined")
    lab.site.write(FILE, found | {sid: _options(lab, call)})


@route(f"GET {ENTRY}")
def read(lab: Lab, call: Call) -> dict[str, Any]:
    sid, found = _sid(call), entries(lab)
    if sid not in found:
        raise PveError(f"no such resource '{sid}'")
    shown = {key: int(value) if value.isdecimal() else value for key, value in found[sid].items()}
    digest = hashlib.sha1(json.dumps(found).encode(), usedforsecurity=False).hexdigest()
    return shown | {"sid": sid, "type": "vm", "digest": digest}


@route(f"PUT {ENTRY}")
def update(lab: Lab, call: Call) -> None:
    sid, found = _sid(call), entries(lab)
    if sid not in found:
        raise PveError(f"update resource failed: no such resource '{sid}'")
    removed = call.given.get("delete", "").split(",")
    changed = found[sid] | _options(lab, call)
    kept = {key: value for key, value in changed.items() if key not in removed}
    lab.site.write(FILE, found | {sid: kept})


@route(f"DELETE {ENTRY}")
def delete(lab: Lab, call: Call) -> None:
    sid = _sid(call)
    if sid not in entries(lab):
        raise PveError(f"cannot delete service '{sid}', not HA managed!")
    forget(lab, int(sid.partition(":")[2]))
