"""The inventory: what a cluster had at one inspection, as plain values. Sizes are in MiB."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flakeship.targets.proxmox.privileges import Permissions
from flakeship.targets.proxmox.resources import Marks


@dataclass(frozen=True)
class Node:
    """A node; the token may not see its `memory` and what is `free` of it: then both are 0."""

    name: str
    online: bool
    memory: int = 0
    free: int = 0


@dataclass(frozen=True)
class Storage:
    """A storage as one node has it. A shared one is the same everywhere."""

    name: str
    node: str
    type: str
    content: Sequence[str]
    shared: bool
    available: bool
    free: int = 0


@dataclass(frozen=True)
class Vm:
    """A virtual machine, template or container. What was just made may have no name yet."""

    id: int
    node: str
    name: str = ""
    status: str = ""
    template: bool = False
    container: bool = False
    memory: int = 0
    lock: str = ""
    pool: str = ""
    marks: Marks = field(default_factory=Marks)
    tags: Sequence[str] = ()

    @property
    def known(self) -> bool:
        """Whether the cluster knows more than that it exists."""
        return bool(self.name)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.status == "running"

    def __str__(self) -> str:
        return f"{self.id} ({self.name or 'without a name'} on {self.node})"


@dataclass(frozen=True)
class Inventory:
    """Everything that a plan needs to know of a cluster, and of the workstation.

    `user` is the token's id. `free` are ids of the settings' range that nobody uses, enough for a
    run, and `hidden` those of what the token may not see; `everything`: it sees all. `bridges` and
    VNets are by node, of those that are online and may get servers, and `addresses` has in words
    what their own addresses and gateways are, by these. `clones` are the ids of the
    linked clones of each of our templates. `identity` is the private key file that the checks log
    in with, empty: the user's agent.
    """

    endpoint: str
    user: str
    version: str
    permissions: Permissions
    nodes: Sequence[Node]
    storages: Sequence[Storage]
    vms: Sequence[Vm]
    pools: Sequence[str]
    free: Sequence[int]
    bridges: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    hidden: Sequence[int] = field(default_factory=list)
    clones: Mapping[int, Sequence[int]] = field(default_factory=dict)
    everything: bool = True
    identity: str = ""

    @property
    def owner(self) -> str:
        """The user whose token it is."""
        return self.user.partition("!")[0]

    @property
    def release(self) -> tuple[int, int]:
        """The first two numbers of the version."""
        major, minor, *_ = [*map(int, re.findall("[0-9]+", self.version)), 0, 0]
        return major, minor

    @property
    def online(self) -> list[Node]:
        """The nodes that are online."""
        return [node for node in self.nodes if node.online]

    def node(self, name: str) -> Node | None:
        """A node by its name."""
        return next((node for node in self.nodes if node.name == name), None)

    def storage(self, name: str, node: str) -> Storage | None:
        """A storage as a node has it."""
        return next((s for s in self.storages if (s.name, s.node) == (name, node)), None)

    def vm(self, vmid: int) -> Vm | None:
        """What has an id."""
        return next((vm for vm in self.vms if vm.id == vmid), None)
