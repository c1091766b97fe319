"""The inventory: what a cloud had at one inspection, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """An image with our tag."""

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
    """A floating IP of the project; `port` is the id of the port it leads to, or empty."""

    address: str
    port: str = ""
    stack: str = ""
    name: str = ""


@dataclass(frozen=True)
class Inventory:
    """Everything that a plan needs to know of a cloud, and of the workstation.

    `left` is what the quota still allows, by the names of `openstack quota show` (ram in MiB); a
    missing name is unlimited. `everywhere`: `servers` are those of all projects, not of ours alone.
    `identity` is the private key file that the checks log in with, empty: the user's agent.
    `user_data` has the text of each file that the settings name.
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
    identity: str = ""
    user_data: Mapping[str, str] = field(default_factory=dict)

    def users(self, image: str) -> list[Server]:
        """The servers that boot from an image."""
        return [server for server in self.servers if image and server.image == image]
