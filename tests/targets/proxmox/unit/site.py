"""Virtual machines and files on a fake cluster, which are gone once they were removed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flakeship.rollout.ownership import CHECKOUT
from flakeship.targets.proxmox.api import answers, errors
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Access, Login
from flakeship.targets.proxmox.resources import Marks, description, tags
from tests.targets.proxmox.unit.cluster import Reply

OLD = 1_780_000_000  # 2026-05-28, in seconds since 1970
MACHINE = "web-3izdly52-1a2b"


@dataclass
class Site:
    """What a cluster of two nodes has: the configuration of each machine, and all that is listed.

    `hidden` are ids of machines that the token may not see. `fails` has the ends of the tasks of a
    stop or removal, by the id or volume; `asked` are all calls, `changed` those that change
    something.
    """

    vms: dict[int, dict[str, Any]] = field(default_factory=dict)
    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[tuple[str, str], int] = field(default_factory=dict)
    disks: list[dict[str, Any]] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    shared: bool = False
    fails: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    access: Access = field(default_factory=Access)

    def add(self, vmid: int, name: str, own: Marks | None = None, **more: Any) -> None:
        """Add a machine; without its own marks it is somebody else's."""
        given = {"node": "pve1", "status": "running", "uptime": 3600, "template": 0}
        given |= {key: more.pop(key) for key in given if key in more}
        config = {"name": name, "meta": f"creation-qemu=9.2.0,ctime={OLD}"}
        if own:
            config |= {"tags": ";".join(tags(vmid, own)), "description": description(vmid, own)}
        config |= more
        self.configs[vmid] = config
        listed = {"type": "qemu", "id": f"qemu/{vmid}", "vmid": vmid, "name": name}
        self.vms[vmid] = {**listed, **given, "tags": config.get("tags", "")}

    def template(self, vmid: int, own: Marks, *, here: bool = True, **more: Any) -> None:
        """Add a template of a release, made `here` or by another checkout."""
        text = description(vmid, own)
        text = text if here else by_another_checkout(text)
        given = {"status": "stopped", "uptime": 0, "template": 1, "description": text}
        given["virtio0"] = f"local-lvm:{vmid}/base-{vmid}-disk-0.qcow2,size=1G"
        self.add(vmid, own.release, own, **{**given, **more})

    def clone(self, vmid: int, own: Marks, template: int, **more: Any) -> None:
        """Add a full clone of a template."""
        text = description(vmid, own, template)
        given = {"description": text, "virtio0": f"local-lvm:vm-{vmid}-disk-0,size=2G"}
        self.add(vmid, own.machine, own, **{**given, **more})

    def answer(self, call: str) -> Reply:
        """The answer of a call, which may change what there is."""
        self.asked.append(call)
        method, path = call.split(" ", 1)
        words = path.partition("?")[0].split("/")
        found: object
        if method != "GET":
            found = self._change(call, words)
        elif words == ["cluster", "nextid"]:
            found = self._next(path.partition("vmid=")[2])
        elif words[0] == "cluster":
            found = self._resources()
        elif words[2] == "qemu":
            found = self._machine(words)
        elif words[2] == "storage":
            found = self._content(words[1], path.partition("content=")[2])
        else:
            found = self._task(words)
        return found if isinstance(found, Reply) else Reply({"data": found})

    def _resources(self) -> list[dict[str, Any]]:
        nodes = [
            {"type": "node", "id": f"node/{name}", "node": name, "status": status}
            for name in ("pve1", "pve2")
            for status in ["offline" if name in self.offline else "online"]
        ]
        storages = [
            {
                "type": "storage",
                "id": f"storage/{each['node']}/{name}",
                "storage": name,
                "node": each["node"],
                "content": content,
                "shared": int(self.shared),
                "status": "unknown" if each["status"] == "offline" else "available",
            }
            for each in nodes
            for name, content in (("local", "import,iso"), ("local-lvm", "images"))
        ]
        return [*nodes, *storages, *self.vms.values()]

    def _next(self, vmid: str) -> object:
        if int(vmid) not in {*self.configs, *self.hidden}:
            return vmid
        text = "Parameter verification failed."
        errors = {"vmid": f"VM {vmid} already exists"}
        return Reply({"data": None, "message": f"{text}\n", "errors": errors}, 400, text)

    def _machine(self, words: list[str]) -> object:
        vmid = int(words[3])
        if vmid not in self.configs:
            text = f"Configuration file 'nodes/{words[1]}/qemu-server/{vmid}.conf' does not exist"
            return Reply({"data": None, "message": text}, 500, text)
        return self.vms[vmid] if words[4] == "status" else self.configs[vmid]

    def _content(self, node: str, kind: str) -> list[dict[str, Any]]:
        if kind == "images":
            return self.disks
        return [
            {"volid": volume, "content": "import", "format": "qcow2", "size": 1, "ctime": made}
            for (where, volume), made in self.files.items()
            if self.shared or where == node
        ]

    def _change(self, call: str, words: list[str]) -> str:
        """Start a task: of a stop or of a removal."""
        self.changed.append(call)
        name = words[3] if words[2] == "qemu" else "/".join(words[5:])
        ends = self.fails.get(name, [])
        if ends and (ended := ends.pop(0)) != "OK":
            return _upid(words[1], ended)
        if words[2] == "storage":
            self.files.pop((words[1], name))
        elif call.startswith("DELETE"):
            del self.vms[int(name)], self.configs[int(name)]
        else:
            self.vms[int(name)] |= {"status": "stopped", "uptime": 0}
        return _upid(words[1], "OK")

    def _task(self, words: list[str]) -> object:
        ended = json.loads(bytes.fromhex(words[3].split(":")[6]))
        return [] if words[4] == "log" else {"status": "stopped", "exitstatus": ended}


class SiteApi(Api):
    """Calls of a site without a connection."""

    def __init__(self, site: Site, login: Login) -> None:
        self.site = site
        self.login = login

    def _answer(self, method: str, path: Sequence[str], *, query: str = "", **_: object) -> object:
        shown = f"{method} {'/'.join(path)}"
        reply = self.site.answer(f"{shown}?{query}" if query else shown)
        if reply.status != 200:
            said = answers.said(json.dumps(reply.body).encode(), reply.reason)
            raise errors.refused(shown, reply.status, said, self.login)
        return answers.data(json.dumps(reply.body).encode(), shown, self.login)


def by_another_checkout(text: str) -> str:
    """A description as another checkout makes it."""
    return re.sub(rf"(?<={CHECKOUT}\.)[0-9a-f]+", "0" * 12, text)


def _upid(node: str, ended: str) -> str:
    """A task whose name has the way it ends."""
    kept = json.dumps(ended).encode().hex()
    return f"UPID:{node}:000004EF:0006B294:6B01A279:qmdestroy:{kept}:iac@pve!ci:"
