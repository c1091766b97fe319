"""The settings that only the target `openstack` has."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from flakeship.config.fields import Cidr, Model
from flakeship.config.options import ServerOptions, TargetOptions
from flakeship.config.ports import Ports, validate_ports
from flakeship.config.server import Server
from flakeship.config.settings import Settings
from flakeship.model.checks import Check
from flakeship.model.errors import SettingError

Access = Literal["floating", "bastion", "direct"]
Visibility = Literal["private", "shared", "community", "public"]
Placement = Literal["", "anti-affinity", "soft-anti-affinity"]


def name_alone(value: object) -> object:
    """A flavor or a network may be given as its name alone."""
    return {"name": value} if isinstance(value, str) else value


class FlavorPolicy(Model):
    """Which flavors a server may have, beside its vcpus, memory and disk.

    `name` asks for one flavor; `include` and `exclude` are shell patterns of names; `extra_specs`
    must be there with these values (`*`: with any). `create` makes one that fits exactly.
    """

    name: str = ""
    include: list[str] = []
    exclude: list[str] = []
    extra_specs: dict[str, str] = {}
    create: bool = False

    @model_validator(mode="after")
    def one_way(self) -> FlavorPolicy:
        """A flavor is named, chosen by patterns or created."""
        ways = [bool(self.name), bool(self.include or self.exclude), self.create]
        if sum(ways) > 1:
            raise ValueError("needs one of name, include and exclude, and create")
        return self


class NetworkSettings(Model):
    """An existing network by `name` (or id), or a private one of the stack's own with a router.

    `external` is the network that the router leads to; empty: the only external one.
    """

    name: str = ""
    cidr: Cidr = "10.20.0.0/24"
    ipv6: Literal[""] | Cidr = ""
    external: str = ""
    dns: list[str] = []

    def named(self, stack: str) -> str:
        """The name of the stack's own network: with other addresses it is another network."""
        told = f"{self.cidr} {self.ipv6}".encode()
        return f"{stack}-{hashlib.sha256(told).hexdigest()[:4]}"

    @model_validator(mode="after")
    def one_kind(self) -> NetworkSettings:
        """What belongs to a network of the stack's own is not given beside a name."""
        own = sorted(self.model_fields_set - {"name"})
        if self.name and own:
            raise ValueError(f"{', '.join(own)} is of a network that is made; {self.name} exists")
        if ipaddress.ip_network(self.cidr).version != 4:
            raise ValueError("cidr is an IPv4 network; the IPv6 one goes into ipv6")
        if self.ipv6 and ipaddress.ip_network(self.ipv6).prefixlen != 64:
            raise ValueError("ipv6 needs a /64: addresses are configured by SLAAC")
        return self


class TestServerSettings(Model):
    """The test server of a stack without servers; see docs/openstack.md.

    `ephemeral`: made, verified and removed by the verification itself. `ports` and `checks` are as
    those of any server.
    """

    ephemeral: bool = False
    ports: Ports = []
    checks: list[Check] = []

    @model_validator(mode="after")
    def consistent(self) -> TestServerSettings:
        """What it offers holds together."""
        validate_ports(self.ports, self.checks, data_disks=False)
        return self


class OpenStackSettings(TargetOptions):
    """How a stack uses its cloud.

    `cloud` is a name in clouds.yaml; empty: OS_CLOUD or the OS_* variables. `pool` is the external
    network that floating IPs come from; empty: the only one. `access` is how the checks reach a
    server that has no public address yet. `prices` orders flavors by their price, of any unit.
    `placement` keeps the servers on different hypervisors. `boot_concurrency` servers boot at the
    same time.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "reach": "access",
        "group": "placement",
        "test": "testServer",
        "atOnce": "bootConcurrency",
    }

    cloud: str = ""
    network: Annotated[NetworkSettings, BeforeValidator(name_alone)] = NetworkSettings()
    pool: str = ""
    access: Access = "floating"
    visibility: Visibility = "private"
    placement: Placement = ""
    prices: dict[str, Annotated[float, Field(ge=0)]] = {}
    test_server: TestServerSettings = TestServerSettings()
    boot_concurrency: Annotated[int, Field(ge=1, le=64)] = 4

    def check(self, servers: Sequence[Server[Any]]) -> None:
        """No two servers have the same existing address."""
        addresses = [server.options.address for each in servers for server in each.instances]
        named = [address for address in addresses if address not in ("floating", "none")]
        twice = sorted({address for address in named if named.count(address) > 1})
        if twice:
            raise SettingError(
                f"the address {', '.join(twice)} is given more than once",
                key="flakeship:servers",
            )


class OpenStackServer(ServerOptions):
    """The keys of a server on a cloud.

    `address` is `floating` (one of its own), `none` or an existing floating IP. With `volume` the
    root disk is a volume.
    """

    flavor: Annotated[FlavorPolicy, BeforeValidator(name_alone)] = FlavorPolicy()
    user_data: str = ""
    metadata: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,255}$")], str] = {}
    keypair: str = ""
    address: str = "floating"
    volume: bool = False

    @model_validator(mode="after")
    def an_address(self) -> OpenStackServer:
        """The address is one."""
        if self.address not in ("floating", "none"):
            try:
                ipaddress.IPv4Address(self.address)
            except ValueError:
                raise ValueError(
                    f"address must be floating, none or an existing floating IP, got {self.address}"
                ) from None
        return self


CloudServer = Server[OpenStackServer]
CloudSettings = Settings[OpenStackSettings, OpenStackServer]
