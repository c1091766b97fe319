"""What the program hands to a verb: one JSON object on standard input, and nothing on argv.

Paths that begin with `.state` are relative to the project's directory, where every verb runs, so
that a checkout may move. Sizes are in MiB, times in seconds, ports are TCP where nothing else is
said.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeVar

from pydantic import TypeAdapter

from flakeship.release import Release

T = TypeVar("T")

Protocol = Literal["tcp", "http", "ssh", "udp"]
Transport = Literal["tcp", "udp"]


def transport(protocol: Protocol) -> Transport:
    """What carries a protocol."""
    return "udp" if protocol == "udp" else "tcp"


@dataclass(frozen=True)
class BuildRequest:
    """Build a release and keep it from garbage collection by `root`, a path without its ending.

    `sha512` is what the ledger remembers of a release of this name; empty for a new one. `room` is
    the smallest root disk in MiB that is to boot it, where the flake does not say what that needs.
    """

    release: Release
    root: str
    sha512: str = ""
    room: int = 0


@dataclass(frozen=True)
class DiskRequest:
    """A data disk: it belongs to a server's name, not to a machine, and survives releases."""

    path: str
    size: int


@dataclass(frozen=True)
class MachineRequest:
    """One QEMU machine of a server: `id` is `<server>-<release's hash>-<shape>`.

    `boot` counts its starts: a machine that has died gets the next number. `ports` are the guest's
    ports that are to be reached through free ports of this host (22 is always one of them).
    `disks` maps the names of the server's data disks to their files: they are attached at start
    only where the machine is its server's active one (`active` holds that machine's id).
    `lives_on` names the host that the machine belongs to. `format` is the image's.
    """

    id: str
    directory: str
    active: str
    image: str
    sha512: str
    vcpus: int
    memory: int
    disk: int
    subnet: str
    ports: list[int]
    disks: dict[str, str]
    boot: int
    lives_on: str
    format: str = "qcow2"


@dataclass(frozen=True)
class Running:
    """A machine that runs: the host's port for each of the guest's."""

    id: str
    boot: int
    accelerator: str
    ports: dict[int, int]


@dataclass(frozen=True)
class Port:
    """A declared port of a server, and the protocol that has to answer there.

    A UDP port is looked at from inside alone: outside, silence says nothing of it.
    With `data` it answers only with the server's data disks, which come with the cut-over.
    """

    port: int
    protocol: Protocol = "tcp"
    data: bool = False


@dataclass(frozen=True)
class CustomCheck:
    """A user's own check: exactly one of `run` (a command inside), `http` and `tcp` (a port).

    `run` passes with exit code 0. `http` passes with `status` and, where given, `contains` in the
    body. `tcp` sends `send`, where given, and passes when `contains`, where given, comes back.
    With `data` it passes only with the server's data disks, which come with the cut-over.
    """

    name: str
    run: str = ""
    http: int = 0
    tcp: int = 0
    path: str = "/"
    status: int = 200
    send: str = ""
    contains: str = ""
    timeout: float = 10.0
    data: bool = False


@dataclass(frozen=True)
class VerifyRequest:
    """Check a machine from outside and inside.

    `reach` maps the guest's declared ports (22 too) to ports of `address`. `identity` is the
    private key file to log in with; empty: the user's agent. `disk` is the size of the root disk.
    `deadline` is for the machine to answer SSH.
    """

    machine: str
    boot: int
    address: str
    reach: dict[int, int]
    ports: list[Port]
    console: str
    user: str
    identity: str
    toplevel: str
    subnet: str
    disk: int
    checks: list[CustomCheck] = field(default_factory=list)
    deadline: float = 300.0


@dataclass(frozen=True)
class Check:
    """The evidence of one check."""

    name: str
    passed: bool
    milliseconds: int
    detail: str


@dataclass(frozen=True)
class Evidence:
    """A verification that has passed: the host keys it pinned, what it saw, and when (`at`)."""

    machine: str
    boot: int
    host_keys: list[str]
    seconds_to_ssh: float
    checks: list[Check]
    at: str = ""


@dataclass(frozen=True)
class CutoverRequest:
    """Move a server's stable name, forwarded ports and data disks to a verified machine.

    `directories` holds the directory of every machine, `active` the id of the active machine of
    this server, `forwards` maps ports of this host to ports of the guest. `sizes` has the sizes
    of the data disks: one that has grown is grown inside the guest too. `lives_on` names the host.
    `serving` has the ports and checks that need the disks; None where there are no such. `move`
    counts the cut-overs: where something is not as the last one left it, there is another one.
    """

    server: str
    machine: str
    boot: int
    directories: str
    active: str
    ssh_config: str
    ssh_port: int
    user: str
    identity: str
    host_keys: list[str]
    forwards: dict[int, int]
    disks: dict[str, str]
    sizes: dict[str, int]
    lives_on: str
    serving: VerifyRequest | None = None
    move: int = 0


def parse(kind: type[T], text: str) -> T:
    """Read one of the shapes above; a pydantic ValidationError is a defect of the caller."""
    return TypeAdapter(kind).validate_json(text)


def plain(value: object) -> dict[str, object]:
    """One of the shapes above in JSON's own types; a port as a key becomes text."""
    assert not isinstance(value, type)
    found: dict[str, object] = json.loads(json.dumps(asdict(value)))  # type: ignore[call-overload]
    return found


def dump(value: object) -> str:
    """Write one of the shapes above, with sorted keys: equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True)
