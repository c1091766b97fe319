"""What the lists of a cluster have, as values of the inventory."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from flakeship.model.sizes import MIB
from flakeship.targets.proxmox.api.answers import Flag, Number, Words
from flakeship.targets.proxmox.inventory import Node, Storage, Vm
from flakeship.targets.proxmox.resources import marks

NoName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$")]
NoNodeName = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$")]
Id = Annotated[Number, Field(ge=1, le=999_999_999)]
Bytes = Annotated[Number, Field(ge=0)]

BASE = re.compile(r"(?:^|[:/])base-([0-9]{1,9})-disk-")
"""The template's disk in the name of a linked clone's, or of its parent."""


@dataclass(frozen=True)
class Version:
    """The answer of `version`."""

    version: Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,3}([~+-].{0,40})?$")]


@dataclass(frozen=True)
class Resource:
    """An entry of `cluster/resources`, of any type; what we do not use is left out."""

    type: Words
    id: Words = ""
    node: NoNodeName = ""
    name: Words = ""
    status: Words = ""
    vmid: Id | None = None
    template: Flag = False
    tags: Words = ""
    lock: Words = ""
    pool: Words = ""
    storage: NoName = ""
    plugintype: Words = ""
    content: Words = ""
    shared: Flag = False
    mem: Bytes = 0
    maxmem: Bytes = 0
    disk: Bytes = 0
    maxdisk: Bytes = 0


@dataclass(frozen=True)
class Interface:
    """An entry of a node's networks, with its own addresses where it has any."""

    iface: Words
    address: Words = ""
    address6: Words = ""
    gateway: Words = ""
    gateway6: Words = ""


@dataclass(frozen=True)
class Volume:
    """An entry of a storage's content."""

    volid: Words
    parent: Words = ""
    vmid: Id | None = None


Privileges = dict[str, dict[str, Number]]


def nodes(found: Iterable[Resource]) -> list[Node]:
    """The nodes, by name."""
    made = [
        Node(
            each.node,
            each.status == "online",
            each.maxmem // MIB,
            max(0, each.maxmem - each.mem) // MIB,
        )
        for each in found
        if each.type == "node" and each.node
    ]
    return sorted(made, key=lambda node: node.name)


def storages(found: Iterable[Resource]) -> list[Storage]:
    """The storages that the token may see, on each node."""
    made = [
        Storage(
            each.storage,
            each.node,
            each.plugintype,
            sorted(filter(None, each.content.split(","))),
            each.shared,
            each.status == "available",
            max(0, each.maxdisk - each.disk) // MIB,
        )
        for each in found
        if each.type == "storage" and each.storage and each.node
    ]
    return sorted(made, key=lambda storage: (storage.name, storage.node))


def vms(found: Iterable[Resource]) -> list[Vm]:
    """The virtual machines and containers that the token may see."""
    made = [
        Vm(
            each.vmid,
            each.node,
            each.name,
            each.status,
            each.template,
            each.type == "lxc",
            each.maxmem // MIB,
            each.lock,
            each.pool,
            marks(each.vmid, words(each.tags)),
            words(each.tags),
        )
        for each in found
        if each.type in {"qemu", "lxc"} and each.vmid and each.node
    ]
    return sorted(made, key=lambda vm: vm.id)


def words(tags: str) -> list[str]:
    """The tags of a list."""
    return [word for word in re.split(r"[;, ]+", tags) if word]


def pools(found: Iterable[Resource]) -> list[str]:
    """The pools that the token may see."""
    return sorted({each.pool for each in found if each.type == "pool" and each.pool})


def bridges(found: Iterable[Interface]) -> list[str]:
    """The bridges and VNets of a node."""
    return sorted({each.iface for each in found})


def addresses(networks: Mapping[str, Iterable[Interface]]) -> dict[str, str]:
    """The addresses and gateways of bridges by node, each with what has it, in words."""
    gateways, own = dict[str, str](), dict[str, str]()
    for node, found in networks.items():
        for each in found:
            for text in (each.gateway, each.gateway6):
                gateways[_address(text)] = f"the gateway of the node {node}"
            for text in (each.address, each.address6):
                own[_address(text)] = f"the address of {each.iface} on the node {node}"
    return {address: holder for address, holder in {**gateways, **own}.items() if address}


def _address(text: str) -> str:
    """An address in its one form; empty for anything else."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def clones(found: Iterable[Volume]) -> dict[int, list[int]]:
    """The ids of the linked clones by that of their template."""
    users: dict[int, set[int]] = {}
    for volume in found:
        for text in (volume.volid, volume.parent or ""):
            base, user = BASE.search(text), volume.vmid
            if base and user and int(base[1]) != user:
                users.setdefault(int(base[1]), set()).add(user)
    return {base: sorted(each) for base, each in users.items()}


def used(found: Sequence[Vm]) -> set[int]:
    """The ids that are taken, as far as the token sees."""
    return {vm.id for vm in found}
