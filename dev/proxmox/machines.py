"""The configurations of VMs, as files, and what the API shows of them."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dev.proxmox.errors import PveError
from dev.proxmox.guests import Guests
from dev.proxmox.schema import Schema
from dev.proxmox.site import Site
from dev.proxmox.volumes import MIB

DRIVE = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
Value = TypeVar("Value")
UNITS = {"T": MIB * MIB, "G": 1024 * MIB, "M": MIB, "K": 1024, "": 1}
NOT_KEPT = {"file", "format", "import-from", "size"}
"""Parts of a drive that are for its making."""
HIDDEN = "*" * 10  # a password
NOT_CLONED = {"template", "lock", "description"}
PRESSURE = {f"pressure{kind}{who}" for kind in ("cpu", "io", "memory") for who in ("some", "full")}


@dataclass
class Machine:
    """A VM: its configuration, and what will change at its next start (None: removed)."""

    node: str
    vmid: int
    config: dict[str, str]
    pending: dict[str, str | None] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the configuration: it changes with each change."""
        text = json.dumps([self.config, self.pending], sort_keys=True)
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    @property
    def template(self) -> bool:
        """Whether it is a template."""
        return self.config.get("template") == "1"

    @property
    def agent(self) -> bool:
        """Whether a guest agent is configured."""
        return bool(re.match(r"(enabled=)?1\b", self.config.get("agent", "")))

    @property
    def cpus(self) -> int:
        """How many processors it has."""
        return int(self.config.get("cores", 1)) * int(self.config.get("sockets", 1))

    @property
    def memory(self) -> int:
        """Its memory in MiB."""
        return int(re.findall(r"\d+", self.config.get("memory", "512"))[0])

    @property
    def order(self) -> list[str]:
        """The devices that it boots from."""
        return re.findall(r"\w+", self.config.get("boot", "").removeprefix("order="))

    def drives(self) -> dict[str, str]:
        """The volid of each drive that has a volume."""
        files = {key: value.partition(",")[0].removeprefix("file=")
                 for key, value in self.config.items() if DRIVE.fullmatch(key)}  # fmt: skip
        return {key: file for key, file in files.items() if ":" in file}

    def disks(self) -> dict[str, str]:
        """The volid of each drive that is no CD-ROM."""
        return {key: volid for key, volid in self.drives().items()
                if "media=cdrom" not in self.config[key]}  # fmt: skip

    def disk_size(self) -> int:
        """The size in bytes of the disk that it boots from."""
        for key in (*self.order, *self.disks()):
            if key in self.disks() and (size := re.search(r"\bsize=(\w+)", self.config[key])):
                return to_bytes(size[1])
        return 0

    def cloneable(self) -> dict[str, str]:
        """What a clone has of the configuration, without drives that have a volume."""
        left_out = NOT_CLONED | set(self.drives())
        return {key: value for key, value in self.config.items()
                if key not in left_out and not key.startswith("unused")}  # fmt: skip

    def apply(self) -> None:
        """Let the pending changes take effect."""
        self.config = _without_none({**self.config, **self.pending})
        self.pending = {}

    def detach(self, volid: str) -> None:
        """Keep a disk that no drive has any more as unused."""
        free = next(number for number in range(256) if f"unused{number}" not in self.config)
        self.config[f"unused{free}"] = volid

    def refuse_locked(self) -> None:
        """Raise PveError while a task works on it."""
        if lock := self.config.get("lock"):
            raise PveError(f"VM is locked ({lock})")


def _without_none(values: Mapping[str, Value | None]) -> dict[str, Value]:
    return {key: value for key, value in values.items() if value is not None}


def to_bytes(size: str) -> int:
    """A size such as 1G in bytes."""
    unit = size.lstrip("0123456789.")
    return int(float(size.removesuffix(unit)) * UNITS[unit])


def drive_text(file: str, parts: dict[str, str], size: int | None) -> str:
    """A drive as a configuration holds it, with its size in bytes in the largest whole unit."""
    kept = {key: value for key, value in parts.items() if key not in NOT_KEPT}
    if size is not None:
        unit = next(unit for unit, factor in UNITS.items() if size % factor == 0)
        kept["size"] = f"{size // UNITS[unit]}{unit}"
    return ",".join([file, *(f"{key}={value}" for key, value in sorted(kept.items()))])


def network_text(parts: dict[str, str], *, fresh: bool = False) -> str:
    """A network device as a configuration holds it; a `fresh` one has a new address."""
    rest = sorted((key, value) for key, value in parts.items() if key not in {"model", "macaddr"})
    own = ":".join(re.findall("..", f"BC2411{secrets.token_hex(3).upper()}"))
    address = own if fresh else parts.get("macaddr", own)
    return ",".join([f"{parts['model']}={address}", *(f"{key}={value}" for key, value in rest)])


class Machines:
    """All VMs of a lab."""

    def __init__(self, site: Site, schema: Schema, guests: Guests) -> None:
        self._site, self._schema, self._guests = site, schema, guests
        self._locks: defaultdict[int, threading.RLock] = defaultdict(threading.RLock)

    def lock(self, vmid: int) -> threading.RLock:
        """What whoever changes a VM holds; that of 0 is for who creates one."""
        return self._locks[vmid]

    def find(self, node: str, vmid: int) -> Machine:
        """A VM of a node. Raises PveError."""
        if content := self._site.read(_file(node, vmid), None):
            return Machine(node, vmid, **content)
        raise PveError(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")

    def save(self, machine: Machine) -> None:
        """Write a configuration."""
        content = {"config": machine.config, "pending": machine.pending}
        self._site.write(_file(machine.node, machine.vmid), content)

    def forget(self, machine: Machine) -> None:
        """Delete a configuration."""
        (self._site.folder / _file(machine.node, machine.vmid)).unlink()

    def every(self) -> Iterator[Machine]:
        """All VMs, by number."""
        found = self._site.folder.glob("nodes/*/qemu-server/*.json")
        for file in sorted(found, key=lambda each: int(each.stem)):
            with suppress(PveError):  # it was removed meanwhile
                yield self.find(file.parent.parent.name, int(file.stem))

    def node_of(self, vmid: str | int) -> str | None:
        """The node that has a VM."""
        return next((each.node for each in self.every() if each.vmid == int(vmid)), None)

    def shown(self, machine: Machine) -> dict[str, Any]:
        """A configuration as the API returns it, with what is pending."""
        config = _without_none({**machine.config, **machine.pending})
        config |= {"cipassword": HIDDEN} if "cipassword" in config else {}
        shown: dict[str, Any] = {key: self._schema.typed(key, config[key]) for key in config}
        return shown | {"digest": machine.digest}

    def pending(self, machine: Machine) -> list[dict[str, Any]]:
        """The answer of `pending`: each option with its value, and with what it will be."""
        found: list[dict[str, Any]] = [{"key": "digest", "value": machine.digest}]
        for key in {**machine.config, **machine.pending}:
            parts = {"value": machine.config.get(key), "pending": machine.pending.get(key)}
            shown = {part: HIDDEN if key == "cipassword" else self._schema.typed(key, each)
                     for part, each in parts.items() if each}  # fmt: skip
            removed = key in machine.pending and machine.pending[key] is None
            found.append({"key": key} | shown | ({"delete": 1} if removed else {}))
        return found

    def figures(self, machine: Machine) -> dict[str, Any]:
        """What all lists show of a VM: the guest's figures are zeros, as just after its start."""
        pid, newer = self._guests.pid(machine.vmid), self._site.version == "9.2"
        zeros = {"cpu", "mem", "disk", "netin", "netout"}
        zeros |= {"memhost"} if newer else {"diskread", "diskwrite"}
        zeros |= PRESSURE if newer and pid else set()
        return dict.fromkeys(zeros, 0) | _without_none({
            "vmid": machine.vmid, "name": machine.config.get("name", f"VM {machine.vmid}"),
            "status": "running" if pid else "stopped", "cpus": machine.cpus, "pid": pid,
            "maxmem": machine.memory * MIB, "maxdisk": machine.disk_size(),
            "uptime": self._guests.uptime(machine.vmid) if pid else 0,
            "tags": machine.config.get("tags"), "template": 1 if machine.template else None,
            "lock": machine.config.get("lock"),
            "serial": 1 if "serial0" in machine.config else None,
        })  # fmt: skip

    def status(self, machine: Machine) -> dict[str, Any]:
        """The answer of `status/current`."""
        shown = self.figures(machine)
        shown |= {"qmpstatus": shown["status"]}
        shown |= {"agent": 1} if machine.agent else {}
        if shown["status"] == "running":
            taps = [f"tap{machine.vmid}i{key[3:]}" for key in machine.config if key[:3] == "net"]
            shown["nics"] = {tap: {"netin": 0, "netout": 0} for tap in taps}
            if self._site.version == "8.4":
                shown |= {"running-qemu": "7.2", "running-machine": "pc", "proxmox-support": {}}
        return shown

    def resource(self, machine: Machine, pool: str | None, *, known: bool) -> dict[str, Any]:
        """An entry of `cluster/resources`; little is `known` of a new VM in its first seconds."""
        figures = self.figures(machine)
        entry = {"id": f"qemu/{machine.vmid}", "type": "qemu", "node": machine.node,
                 "vmid": machine.vmid, "status": "unknown", "pool": pool,
                 "tags": figures.get("tags")}  # fmt: skip
        if known:
            left_out = {"cpus", "pid", "serial", *PRESSURE}
            entry |= {key: value for key, value in figures.items() if key not in left_out}
            entry |= {"template": int(machine.template), "maxcpu": machine.cpus, "diskread": 0,
                      "diskwrite": 0}  # fmt: skip
        return _without_none(entry)


def _file(node: str, vmid: int) -> str:
    return f"nodes/{node}/qemu-server/{vmid}.json"
