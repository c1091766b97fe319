"""The inputs of the target's own resources, and their results.

`cloud` is a name in clouds.yaml, empty for OS_CLOUD or the OS_* variables: credentials are never
part of a request. Ids are those of the cloud's APIs. Nothing here needs the models of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from flakeship.model.fields import Word
from flakeship.model.ports import SSH
from flakeship.rollout.ownership import Owner
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.verify.request import VerifyRequest

# how the checks reach a server that has no public address yet
Access = Literal["floating", "bastion", "direct"]
# Nova's policy for the hypervisors of the servers of a release
Placement = Literal["", "anti-affinity", "soft-anti-affinity"]
STARTS = {"SHUTOFF": "os-start", "PAUSED": "unpause", "SUSPENDED": "resume"}
"""The action of Nova's that makes a server run again, by its status."""

Visibility = Literal["private", "shared", "community", "public"]  # Glance's word for who may use it


@dataclass(frozen=True)
class PublishRequest:
    """Publish a file as an image, or update the published one.

    `min_ram` is in MiB. `publication` counts the uploads: an image that was deleted behind our back
    gets the next number. A new image is hidden (os_hidden) until a VisibilityRequest shows it.
    `repair` counts how often somebody had changed its visibility.
    """

    name: str
    file: str
    sha512: str
    min_ram: int
    properties: Mapping[str, str]
    visibility: Visibility
    cloud: str = ""
    publication: int = 1
    repair: int = 0


@dataclass(frozen=True)
class Published:
    """An image in Glance, active and with the bytes of its file; `disk` is in MiB."""

    id: str
    sha512: str
    size: int
    disk: int


@dataclass(frozen=True)
class VisibilityRequest:
    """Show and hide images of this stack, by their ids, once all is verified."""

    shown: list[str]
    hidden: list[str] = field(default_factory=list)
    cloud: str = ""
    repair: int = 0


@dataclass(frozen=True)
class Bastion:
    """An active server of the stack, which those without a public address are reached through.

    `seconds` are for a login on it, and `up` is as in Connection.connect.
    """

    seconds: ClassVar[float] = 10.0
    up: ClassVar[bool] = False

    name: str
    address: str
    user: Word
    host_keys: list[str]

    def endpoint(self, identity: str) -> Endpoint:
        """The login on it; `identity` is that for the stack's servers."""
        return Endpoint(self.name, self.address, SSH, self.user, identity)

    def proxy(self, identity: str, address: str) -> str:
        """The `proxy` of SshOptions for a server with this private address."""
        return SshOptions(self.endpoint(identity), self.host_keys).proxy_to(address, SSH)


@dataclass(frozen=True)
class OwnBastion(Bastion):
    """A machine of the user's that the settings name: nothing takes its place if it is unusable.

    It has a port and an identity of its own, empty: the user's agent. These are not fields of a
    Bastion: a request with another text is a verification that runs again. A person may have to
    confirm each login.
    """

    seconds: ClassVar[float] = 30.0
    up: ClassVar[bool] = True

    port: int
    identity: str
    configured: Literal[True] = True

    def endpoint(self, identity: str) -> Endpoint:
        """The login on it."""
        return Endpoint(self.name, self.address, self.port, self.user, self.identity)


# a Bastion has fewer fields and takes either's text, so it comes last
AnyBastion = Annotated[OwnBastion | Bastion, Field(union_mode="left_to_right")]


@dataclass(frozen=True)
class VerifyServerRequest:
    """Verify a server of Nova's from outside and inside.

    `server`, `port` and `image` are ids, `flavor` is a name. `stable` is the server's own public
    address, empty where it has none; `pool` the id of the external network that a temporary one
    comes from. `bastion` is used with that access as long as the stable address does not lead to
    this very server; without one a temporary floating IP is used. `restricted` are the declared TCP
    ports that only some networks reach; the workstation is in one of them where 22 is among these.
    """

    owner: Owner
    server: str
    port: str
    flavor: str
    access: Access
    pool: str
    verify: VerifyRequest
    cloud: str = ""
    image: str = ""
    stable: str = ""
    bastion: AnyBastion | None = None
    restricted: list[int] = field(default_factory=list)
    placement: Placement = ""
    repair: int = 0

    @property
    def machine(self) -> str:
        """The id of the machine that the server is."""
        return self.verify.machine


@dataclass(frozen=True)
class EphemeralRequest:
    """Create a test server, verify it and remove it; `server` is its verification, without ids."""

    server: VerifyServerRequest
    flavor: str
    network: str
    security_groups: list[str]
