"""The inputs of the target's own resources, and their results.

`access` is how the API is reached; the token is never part of a request. A machine is found by its
id, wherever it is: people and the cluster's high availability move machines. Sizes are in MiB.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flakeship.model.evidence import Evidence
from flakeship.model.fields import Word
from flakeship.model.ports import SSH
from flakeship.ssh.options import Endpoint
from flakeship.targets.proxmox.api.login import Access
from flakeship.verify.request import VerifyRequest


@dataclass(frozen=True)
class UploadRequest:
    """Upload the image of a release to a storage of a node with the content `import`.

    `templates` are the ids of those that are made of it: for another one it has to be there still.
    """

    access: Access
    node: str
    storage: str
    name: str  # of the file on the storage
    file: str
    sha512: str
    templates: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Uploaded:
    """An uploaded file, which Proxmox VE has compared with its checksum; `size` is in bytes."""

    volume: str
    sha512: str
    size: int


@dataclass(frozen=True)
class OwnershipRequest:
    """The id of a virtual machine or template that is going to have this name and these tags.

    It is removed with this, wherever it is then, unless it does not carry the tags any more.
    """

    access: Access
    vmid: int
    name: str
    tags: list[str]


@dataclass(frozen=True)
class Claimed:
    """The id that was claimed."""

    vmid: int


@dataclass(frozen=True)
class ProofRequest:
    """A virtual machine or template that carries these tags, with a root disk of this size."""

    access: Access
    vmid: int
    name: str = ""
    tags: list[str] = field(default_factory=list)
    disk: int = 0


@dataclass(frozen=True)
class VerifyMachineRequest:
    """Verify a machine from outside and inside.

    `address` is the static address that it was given, without the length of its prefix; empty: by
    DHCP. `tags` are those that it carries; `repair` counts how often it was found stopped.
    """

    access: Access
    stack: str
    vmid: int
    tags: list[str]
    verify: VerifyRequest
    address: str = ""
    repair: int = 0

    @property
    def machine(self) -> str:
        """The id of the machine."""
        return self.verify.machine


@dataclass(frozen=True)
class MachineEvidence(Evidence):
    """The evidence of a verification, and the address that the machine was found at."""

    address: str = ""


@dataclass(frozen=True)
class ActiveMachine:
    """A verified machine, and the login on it; `tags` are those that it carries."""

    machine: str
    vmid: int
    tags: list[str]
    address: str
    user: Word
    identity: str
    host_keys: list[str]

    @property
    def endpoint(self) -> Endpoint:
        """Where and as whom to log in."""
        return Endpoint(self.machine, self.address, SSH, self.user, self.identity)


@dataclass(frozen=True)
class DnsRecord:
    """A name that leads to a machine, and the name server that takes updates of its zone.

    `key_file` has the secret of the TSIG key `key`; `ttl` is in seconds.
    """

    name: str
    server: str
    port: int
    zone: str
    key: str
    algorithm: str
    key_file: str
    ttl: int


@dataclass(frozen=True)
class CutoverRequest:
    """Make a machine the active one of a server: its service address or its name lead there.

    `service_address` has the length of its prefix; empty: none.
    """

    access: Access
    stack: str
    server: str
    active: ActiveMachine
    service_address: str = ""
    dns: DnsRecord | None = None
    repair: int = 0


@dataclass(frozen=True)
class Cutover:
    """What leads to the active machine of a server: the next cutover begins from here."""

    active: ActiveMachine
    service_address: str = ""
    dns: DnsRecord | None = None
    reached: list[str] = field(default_factory=list)
    """The addresses that the server is reached at."""
