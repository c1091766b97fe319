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
    """An image with our tag, or that a plan asks for, as Glance has it; empty and None: unknown.

    `members` are the projects that it is shared with, each `pending`, `accepted` or `rejected`; of
    an image of another project's this project alone. `properties` are those that decide what Nova
    boots, by their names: see flakeship.targets.openstack.images.properties.
    """

    id: str
    name: str
    status: str
    visibility: str = ""
    hidden: bool | None = None
    sha512: str = ""
    owner: str = ""
    members: Mapping[str, str] | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A server of Nova's; `image` is empty where it boots from a volume.

    `marked` is the id of a machine in its metadata. `addresses` is None while they may yet come.
    """

    id: str
    name: str
    status: str
    image: str = ""
    flavor: str = ""
    project: str = ""
    stack: str = ""
    marked: str = ""
    addresses: frozenset[str] | None = None

    @property
    def machine(self) -> str:
        """The id of the machine that it was made as: a person may have renamed it."""
        return self.marked or self.name


@dataclass(frozen=True)
class Network:
    """A network that the project may use; without `port_security` it takes no security groups."""

    id: str
    name: str
    external: bool = False
    subnets: bool = True
    port_security: bool = True


@dataclass(frozen=True)
class Address:
    """A floating IP of the project; `port` is the id of the port it leads to, or empty."""

    address: str
    port: str = ""
    stack: str = ""
    name: str = ""


# a security group's rule: direction, ethertype, protocol, first and last port, source
GroupRule = tuple[str, str, str, int, int, str]


@dataclass(frozen=True)
class Needed:
    """What only some plans need: key pairs, Cinder's quota, floating IPs, security groups."""

    keypairs: bool = False
    volumes: bool = False
    addresses: bool = True
    groups: bool = True


@dataclass(frozen=True)
class Inventory:
    """Everything that a plan needs to know of a cloud, and of the workstation.

    `left` is what the quota still allows, by the names of `openstack quota show` (ram in MiB); a
    missing name is unlimited. `everywhere`: `servers` are those of all projects, not of ours alone.
    `identity` is the private key file that the checks log in with, empty: the user's agent, and
    `bastion_identity` that for the bastion of the settings.
    `user_data` has the text of each file that the settings name. `user` and `region` are those of
    the login. `groups` are the rules of our security groups by name, None: not known. `volumes`:
    the cloud has Cinder. `keypairs` are the user's, where the settings name one. `metadata` is how
    many entries a server may have, 0: not known.
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
    bastion_identity: str = ""
    user_data: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    region: str = ""
    groups: Mapping[str, frozenset[GroupRule]] | None = None
    volumes: bool = True
    keypairs: list[str] | None = None
    metadata: int = 0

    def identity_of(self, cloud: str) -> str:
        """A line about the login: where a run acts, and as whom."""
        parts = [
            f"project {self.project_name} ({self.project})",
            f"region {self.region}" if self.region else "",
            f"user {self.user}" if self.user else "",
        ]
        return f"cloud {cloud or 'of the environment'}: {', '.join(filter(None, parts))}"

    def image(self, identity: str) -> Image | None:
        """The image of an id, where the project can see it."""
        return next((image for image in self.images if image.id == identity), None)

    def users(self, image: str) -> list[Server]:
        """The servers that boot from an image."""
        return [server for server in self.servers if image and server.image == image]
