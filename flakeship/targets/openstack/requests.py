"""What the target `openstack` hands to its verbs; see flakeship/requests.py.

`cloud` is a name in clouds.yaml, empty for OS_CLOUD or the OS_* variables: credentials are never
part of a request. Ids are those of the cloud's APIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flakeship.targets.openstack.settings import Access, Visibility
from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class PublishRequest:
    """Make an image of Glance's from a file, or bring the one there is up to date.

    `min_ram` is in MiB. `publication` counts the uploads: an image that was deleted behind our back
    gets the next number. A new image is made hidden
    (os_hidden), and an update leaves that as it is: ShelfRequest shows what has been verified.
    """

    cloud: str
    name: str
    file: str
    sha512: str
    min_ram: int
    properties: Mapping[str, str]
    visibility: Visibility
    publication: int = 1


@dataclass(frozen=True)
class Published:
    """An image in Glance, active and with the same bytes as its file."""

    id: str
    sha512: str
    size: int
    disk: int


@dataclass(frozen=True)
class VisibilityRequest:
    """Show the images that servers are to be made from and hide the others, once all is verified.

    Both are ids of images of this stack.
    """

    cloud: str
    shown: list[str]
    hidden: list[str]


@dataclass(frozen=True)
class Bastion:
    """The active server, as the way to one that has no public address yet."""

    name: str
    address: str
    user: str
    host_keys: list[str]


@dataclass(frozen=True)
class Owner:
    """What every object carries, so that what a crash leaves behind can be found."""

    stack: str
    name: str
    release: str


@dataclass(frozen=True)
class VerifyServerRequest:
    """Verify a server of Nova's from outside and inside.

    `server` and `port` are ids, `flavor` is a name, `image` an id. `stable` is the server's own
    public address, empty where it has none; `pool` the id of the external network that a temporary
    one comes from. `jump` is used with access `bastion` as long as the stable address does not lead
    to this very server; without one a temporary floating IP is used. `restricted` are the declared
    ports that are not open to everybody, but to where Pulumi runs at least where it is SSH's.
    """

    cloud: str
    marks: Owner
    server: str
    port: str
    flavor: str
    image: str
    reach: Access
    stable: str
    pool: str
    verify: VerifyRequest
    jump: Bastion | None = None
    restricted: list[int] = field(default_factory=list)

    @property
    def machine(self) -> str:
        """The id of the machine that the server is."""
        return self.verify.machine


@dataclass(frozen=True)
class EphemeralRequest:
    """Make a test server, verify it and remove it.

    `network` and `security_groups` as for any server; `review` has everything else, with empty ids
    for what is not there yet.
    """

    review: VerifyServerRequest
    flavor: str
    network: str
    security_groups: list[str]
