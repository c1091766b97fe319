"""The settings that only the target `proxmox` has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from flakeship.config.server import Server
from flakeship.config.settings import Settings, TargetOptions
from flakeship.model.addresses import Host
from flakeship.model.errors import SettingError
from flakeship.model.fields import Model, PortNumber, Text, Whole, Word, wrong
from flakeship.model.flake import is_file
from flakeship.targets.proxmox.fields import (
    Bridge,
    CpuType,
    Domain,
    Endpoint,
    Fingerprint,
    IdRange,
    NodeName,
    PoolName,
    StorageName,
    Vlan,
)
from flakeship.targets.proxmox.server_settings import ProxmoxServer

Clone = Literal["linked", "full"]


class StorageSettings(Model):
    """The storages of a stack. What only one node reaches gets a template on each node."""

    images: StorageName = "local"
    """The one with the content `import`, which images are uploaded to."""
    disks: StorageName = "local-lvm"
    """The one with the content `images`, for the disks of templates and servers."""


class DnsUpdateSettings(Model):
    """The name server that takes updates (RFC 2136) of the records of servers."""

    server: Host
    """Its address."""
    port: PortNumber = 53
    """Its port."""
    zone: Domain
    """The zone of the records."""
    key: Word
    """The name of the TSIG key."""
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """The algorithm of the key."""
    key_file: Text
    """The file with the secret of the key in base64."""
    ttl: Annotated[int, Field(ge=0, le=86400, json_schema_extra={"unit": "seconds"}), Whole] = 60
    """How long others may keep a record."""

    @model_validator(mode="after")
    def _named_file(self) -> DnsUpdateSettings:
        if not is_file(self.key_file):
            raise wrong("there is no such file", at="keyFile", remedy="name the file of the key")
        return self


class ProxmoxSettings(TargetOptions):
    """How a stack uses its Proxmox VE cluster."""

    endpoint: Endpoint = ""
    """The address of the API, `https://<node>:8006`; empty: PROXMOX_VE_ENDPOINT."""
    token_file: Text = ""
    """A file with the API token, `<user>@<realm>!<name>=<secret>`, which others cannot read; empty:
    PROXMOX_VE_API_TOKEN."""
    ca_file: Text = ""
    """The file of the authority that has signed the API's certificate, such as a copy of
    /etc/pve/pve-root-ca.pem; empty: those that this machine trusts."""
    fingerprint: Fingerprint = ""
    """The SHA-256 fingerprint of the API's certificate, in the place of an authority."""
    nodes: list[NodeName] = []
    """The nodes for servers; empty: all. A new server goes to the one with most free memory, and
    its later machines stay there."""
    storage: StorageSettings = StorageSettings()
    """The storages of images and disks."""
    vm_ids: IdRange = "9000-9099"
    """The ids of templates and machines: those that somebody else uses are left alone."""
    abandoned_ids: list[Annotated[int, Field(ge=100, le=999_999_999), Whole]] = []
    """Ids that were of this stack and are somebody else's now, once you have removed their
    resources from the state."""
    pool: PoolName = ""
    """The resource pool of templates and machines, which the token's role is for."""
    bridge: Bridge = "vmbr0"
    """The bridge or VNet of the servers."""
    vlan: Vlan = 0
    """The VLAN of the servers; 0: none."""
    clone: Clone = "linked"
    """Whether new machines share the unchanged blocks of their template (`linked`) or get a copy of
    all of it (`full`)."""
    cpu: CpuType = "x86-64-v2-AES"
    """The CPU type of the servers; `host` is that of the node."""
    dns_updates: DnsUpdateSettings | None = None
    """The name server for servers with a `dnsName`."""

    @model_validator(mode="after")
    def _one_trust(self) -> ProxmoxSettings:
        if self.fingerprint and self.ca_file:
            what = "is not used with a fingerprint"
            raise wrong(what, at="caFile", remedy="remove one of them")
        for key, file in {"tokenFile": self.token_file, "caFile": self.ca_file}.items():
            if file and not is_file(file):
                raise wrong("there is no such file", at=key, remedy="name a file")
        twice = sorted(name for name, count in Counter(self.nodes).items() if count > 1)
        if twice:
            what = f"has {', '.join(twice)} more than once"
            raise wrong(what, at="nodes", remedy="remove all but one")
        return self

    @property
    def ids(self) -> range:
        """The ids of `vm_ids`."""
        first, _, last = self.vm_ids.partition("-")
        return range(int(first), int(last) + 1)

    def check(self, servers: Sequence[Server[Any]]) -> None:
        """What servers have of their own is not given twice, and DNS names are in the zone."""
        instances = [(n, each) for n, s in enumerate(servers) for each in s.instances]
        self._check_addresses(instances)
        names: set[str] = set()
        for number, server in instances:
            name, key = server.options.dns_name, f"flakeship:servers[{number}].proxmox.dnsName"
            if not name:
                continue
            if name in names:
                raise _twice(key, name)
            names.add(name)
            if self.dns_updates is None:
                raise SettingError(
                    "needs the name server that takes updates",
                    key=key,
                    given=name,
                    remedy="set flakeship:proxmox.dnsUpdates, or remove it",
                )
            if name != self.dns_updates.zone and not name.endswith(f".{self.dns_updates.zone}"):
                raise SettingError(
                    "is not in the zone of the name server",
                    key=key,
                    given=name,
                    allowed=f"names in {self.dns_updates.zone}",
                )

    def _check_addresses(self, instances: Sequence[tuple[int, Server[Any]]]) -> None:
        """A service address is one server's, and no machine's; a gateway's is nobody's."""
        machines = {_ip(a) for _, server in instances for a in server.options.addresses}
        gateways = {server.options.gateway: server.name for _, server in instances}
        seen: set[str] = set()
        for number, server in instances:
            own, place = server.options, f"flakeship:servers[{number}].proxmox"
            given = own.service_address
            if given and _ip(given) in seen | machines:
                raise _twice(f"{place}.serviceAddress", given)
            seen |= {_ip(given)} if given else set()
            keys = {f"{place}.addresses[{n}]": each for n, each in enumerate(own.addresses)}
            for key, each in {f"{place}.serviceAddress": given, **keys}.items():
                if each and _ip(each) in gateways:
                    raise SettingError(
                        f"is the gateway of the server {gateways[_ip(each)]}",
                        key=key,
                        given=each,
                        remedy="give it one that nothing else has",
                    )


def _ip(address: str) -> str:
    return address.partition("/")[0]


def _twice(key: str, given: str) -> SettingError:
    return SettingError(
        "is given more than once", key=key, given=given, remedy="give each server its own"
    )


ProxmoxInstance = Server[ProxmoxServer]
ClusterSettings = Settings[ProxmoxSettings, ProxmoxServer]
