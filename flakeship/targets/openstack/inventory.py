"""What a cloud has, as one look at it has shown: plain values, which everything is planned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STACK, NAME, RELEASE = "flakeship_stack", "flakeship_name", "flakeship_release"
"""What every object carries, as metadata or property; as a tag it is `<key>=<value>`."""


@dataclass(frozen=True)
class Flavor:
    """A flavor: memory, root disk and ephemeral disk in MiB."""

    id: str
    name: str
    vcpus: int
    memory: int
    disk: int
    ephemeral: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image of ours."""

    id: str
    name: str
    status: str


@dataclass(frozen=True)
class Server:
    """A server of Nova's; `image` is empty where it boots from a volume."""

    id: str
    name: str
    status: str
    image: str = ""
    flavor: str = ""
    project: str = ""
    stack: str = ""


@dataclass(frozen=True)
class Network:
    """A network that the project may use."""

    id: str
    name: str
    external: bool = False
    subnets: bool = True


@dataclass(frozen=True)
class Address:
    """A floating IP of the project; `port` is the id of what it leads to, empty: nothing."""

    address: str
    port: str = ""
    stack: str = ""
    name: str = ""


@dataclass(frozen=True)
class Inventory:
    """All of it. `left` is what the quota still allows, by name; a missing name is unlimited.

    The names are those of `openstack quota show`: instances, cores, ram (MiB), server_groups,
    networks, subnets, ports, routers, floatingips, security_groups, security_group_rules.
    `everywhere` tells whether `servers` holds those of all projects, not of ours alone.
    """

    project: str
    project_name: str
    roles: list[str]
    flavors: list[Flavor]
    images: list[Image]
    servers: list[Server]
    networks: list[Network]
    left: Mapping[str, int]
    everywhere: bool = False
    addresses: list[Address] = field(default_factory=list)

    def users(self, image: str) -> list[Server]:
        """The servers that boot from an image."""
        return [server for server in self.servers if image and server.image == image]
