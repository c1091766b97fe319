"""The settings that only the target `openstack` has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from flakeship.config.server import Ports, Server, ServerOptions, validate_ports
from flakeship.config.settings import Settings, TargetOptions
from flakeship.model.addresses import Address, Host
from flakeship.model.checks import Check
from flakeship.model.errors import SettingError
from flakeship.model.fields import Decimal, Model, PortNumber, Text, Whole, Word, wrong
from flakeship.model.flake import is_file
from flakeship.model.ports import SSH
from flakeship.targets.openstack.fields import (
    FloatingIp,
    HostKey,
    Ipv4,
    Ipv6,
    Metadata,
    ProjectId,
    UserData,
)
from flakeship.targets.openstack.requests import Access, Placement, Visibility


def _name_alone(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class FlavorPolicy(Model):
    """Which flavors fit a server, besides its vcpus, memory and disk. A text alone is the name."""

    name: Text = ""
    """This flavor and no other."""
    include: list[Text] = []
    """Shell patterns; a flavor's name must match one of them."""
    exclude: list[Text] = []
    """Shell patterns; a flavor's name must match none of them."""
    extra_specs: dict[Text, Text] = {}
    """The extra specs that a flavor must have, with their values; `*` is any value."""
    create: bool = False
    """Create a flavor that fits exactly; needs the role admin."""

    @model_validator(mode="after")
    def _one_way(self) -> FlavorPolicy:
        ways = [bool(self.name), bool(self.include or self.exclude), self.create]
        if sum(ways) > 1:
            raise wrong("needs one of name, include and exclude, and create")
        return self


class NetworkSettings(Model):
    """The network of the servers: an existing one, or a private one of the stack with a router.

    A text alone is the name.
    """

    name: Text = ""
    """An existing network, by name or id. The other keys are for a network of the stack."""
    cidr: Ipv4 = "10.20.0.0/24"
    """The IPv4 subnet."""
    ipv6: Ipv6 = ""
    """The IPv6 subnet, a /64 that is configured by SLAAC; empty: none."""
    external: Text = ""
    """The external network that the router leads to; empty: `pool`, or the only external one."""
    dns: list[Address] = []
    """The DNS servers of the subnet."""

    def named(self, stack: str) -> str:
        """The name of the stack's own network: with other addresses it is another network."""
        addresses = f"{self.cidr} {self.ipv6}".encode()
        return f"{stack}-{hashlib.sha256(addresses).hexdigest()[:4]}"

    @model_validator(mode="after")
    def _one_kind(self) -> NetworkSettings:
        own = sorted(self.model_fields_set - {"name"})
        if self.name and own:
            raise wrong(
                f"{', '.join(own)} applies only to a network that Flakeship creates",
                remedy="remove name, or the others",
            )
        return self


class BastionSettings(Model):
    """A bastion of your own. It forwards connections to the servers, and gets no agent and no key.

    Without it `access: bastion` uses the server's active machine.
    """

    address: Host
    """Its IP address or host name."""
    port: PortNumber = SSH
    """The port of its SSH server."""
    user: Word
    """The user who logs in on it."""
    host_key: HostKey
    """Its public host key, `ssh-ed25519 AAAA…`; it is refused with any other."""
    identity: Text = ""
    """The private key file for it; empty: `flakeship:identity` and, without that, the keys of your
    agent and those that ssh tries by itself."""

    @model_validator(mode="after")
    def _named_file(self) -> BastionSettings:
        if self.identity and not is_file(self.identity):
            raise wrong("there is no such file", at="identity", remedy="name a private key file")
        return self


class TestServerSettings(Model):
    """The test server of a stack without servers."""

    ephemeral: bool = False
    """Whether the verification creates and removes it itself."""
    ports: Ports = []
    """The ports that may listen, as those of any server."""
    checks: list[Check] = []
    """Checks in addition to the built-in ones."""

    @model_validator(mode="after")
    def _consistent(self) -> TestServerSettings:
        validate_ports(self.ports, self.checks, data_disks=False)
        return self


class OpenStackSettings(TargetOptions):
    """How a stack uses its cloud."""

    renamed: ClassVar[Mapping[str, str]] = {
        "reach": "access",
        "group": "placement",
        "test": "testServer",
        "atOnce": "bootConcurrency",
    }

    cloud: Text = ""
    """A name in clouds.yaml; empty: OS_CLOUD or the OS_* variables."""
    network: Annotated[NetworkSettings, BeforeValidator(_name_alone)] = NetworkSettings()
    """The network of the servers."""
    pool: Text = ""
    """The external network that floating IPs come from; empty: the only external one."""
    access: Access = "floating"
    """How the checks reach a server that has no public address yet."""
    bastion: BastionSettings | None = None
    """A bastion of your own, for `access: bastion`; left out: the server's active machine."""
    visibility: Visibility = "private"
    """The visibility of the images in Glance."""
    share_with: list[ProjectId] = []
    """The ids of other projects that may boot from the images, with `visibility: shared`."""
    placement: Placement = ""
    """A policy that keeps the servers on different hypervisors; empty: none."""
    prices: dict[Text, Annotated[float, Field(ge=0), Decimal]] = {}
    """The prices of flavors in any unit, by name: the cheapest that fits is chosen."""
    test_server: TestServerSettings = TestServerSettings()
    """The test server of a stack without servers."""
    boot_concurrency: Annotated[int, Field(ge=1, le=64), Whole] = 4
    """How many servers boot at the same time."""

    @model_validator(mode="after")
    def _bastion_is_used(self) -> OpenStackSettings:
        if self.bastion and self.access != "bastion":
            raise wrong(
                f"is not used with access: {self.access}",
                at="bastion",
                remedy="set flakeship:openstack.access to bastion, or remove the bastion",
            )
        return self

    @model_validator(mode="after")
    def _shares_what_can_be_shared(self) -> OpenStackSettings:
        if self.share_with and self.visibility != "shared":
            raise wrong(
                f"images with visibility: {self.visibility} cannot be shared with single projects",
                at="shareWith",
                remedy="set flakeship:openstack.visibility to shared, or remove shareWith",
            )
        if len(self.share_with) != len(set(self.share_with)):
            raise wrong("a project is named twice", at="shareWith")
        return self

    @property
    def needs_temporary_addresses(self) -> bool:
        """Whether a verification may need a floating IP of its own."""
        return self.access == "floating" or (self.access == "bastion" and not self.bastion)

    @property
    def further_checks(self) -> Mapping[str, Sequence[Check]]:
        """Those of the test server."""
        return {"testServer.checks": self.test_server.checks}

    def check(self, servers: Sequence[Server[Any]]) -> None:
        """No two servers have the same existing address."""
        used = Counter(server.options.address for each in servers for server in each.instances)
        twice = sorted(a for a in used if a not in ("floating", "none") and used[a] > 1)
        if twice:
            raise SettingError(
                f"the address {', '.join(twice)} is given more than once",
                key="flakeship:servers",
                given=", ".join(twice),
                remedy="give each server its own",
            )


class OpenStackServer(ServerOptions):
    """The keys of a server on a cloud."""

    flavor: Annotated[FlavorPolicy, BeforeValidator(_name_alone)] = FlavorPolicy()
    """The flavor; left out, the smallest that fits is chosen."""
    user_data: UserData = ""
    """User data for cloud-init: the text, or a file that begins with `./`, `/` or `~/`. It is
    encrypted in the state; every process on the server can read it."""
    metadata: Metadata = {}
    """Metadata of the server in Nova."""
    keypair: Text = ""
    """A key pair in Nova, for images that install one."""
    address: FloatingIp = "floating"
    """`floating`: a floating IP of its own; `none`: only its private address; or an existing
    floating IP, such as 203.0.113.7."""
    volume: bool = False
    """Whether the root disk is a volume."""


CloudServer = Server[OpenStackServer]
CloudSettings = Settings[OpenStackSettings, OpenStackServer]
