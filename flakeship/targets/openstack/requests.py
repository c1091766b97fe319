"""The requests of the target's commands, and what they print.

`cloud` is a name in clouds.yaml, empty for OS_CLOUD or the OS_* variables: credentials are never
part of a request. Ids are those of the cloud's APIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.choices import Access, Visibility
from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class PublishRequest:
    """Publish a file as an image, or update the published one.

    `min_ram` is in MiB. `publication` counts the uploads: an image that was deleted behind our back
    gets the next number. A new image is hidden (os_hidden), and an update leaves that as it is: a
    VisibilityRequest shows verified ones.
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
    """An image in Glance, active and with the bytes of its file; `disk` is in MiB."""

    id: str
    sha512: str
    size: int
    disk: int


@dataclass(frozen=True)
class VisibilityRequest:
    """Show the images that servers boot from and hide the others, once all is verified.

    Both are ids of images of this stack.
    """

    cloud: str
    shown: list[str]
    hidden: list[str]


@dataclass(frozen=True)
class Bastion:
    """An active server, through which one without a public address can be reached."""

    name: str
    address: str
    user: str
    host_keys: list[str]


@dataclass(frozen=True)
class VerifyServerRequest:
    """Verify a server of Nova's from outside and inside.

    `server` and `port` are ids, `flavor` is a name, `image` an id. `stable` is the server's own
    public address, empty where it has none; `pool` the id of the external network that a temporary
    one comes from. `bastion` is used with that access as long as the stable address does not lead
    to this very server; without one a temporary floating IP is used. `restricted` are the declared
    TCP ports that only some networks reach; the workstation is in one of them where 22 is among
    these.
    """

    cloud: str
    owner: Owner
    server: str
    port: str
    flavor: str
    image: str
    access: Access
    stable: str
    pool: str
    verify: VerifyRequest
    bastion: Bastion | None = None
    restricted: list[int] = field(default_factory=list)

    @property
    def machine(self) -> str:
        """The id of the machine that the server is."""
        return self.verify.machine


@dataclass(frozen=True)
class EphemeralRequest:
    """Create a test server, verify it and remove it.

    `server` is its verification, with empty ids for what does not exist yet; `flavor`, `network`
    and `security_groups` are ids.
    """

    server: VerifyServerRequest
    flavor: str
    network: str
    security_groups: list[str]
