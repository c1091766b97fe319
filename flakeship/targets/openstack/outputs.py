"""The target's own part of the stack's outputs: written and read here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.model.fields import NoWord, Text, Word
from flakeship.model.ports import SSH, located
from flakeship.rollout.retention import Publication
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.outputs import (
    ServerOutput,
    StackOutputs,
    machines_of,
    parsed,
    plain_machines_of,
)
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.requests import Bastion, OwnBastion


@dataclass(frozen=True)
class ServerDetails:
    """What the target keeps of a server.

    `port` is the id of the active machine's port, `fixed`: the address is the port's own,
    `released`: it goes with the server. `private` is the address of that port. `bastion` is for the
    checks of other servers.
    """

    port: str = ""
    flavor: str = ""
    fixed: bool = False
    released: bool = False
    private: str = ""
    bastion: Bastion | None = None


@dataclass(frozen=True)
class Borrowed:
    """An image that this stack boots from and does not own: its id, whose stack's and project's.

    `shared`: by a membership that this stack has accepted.
    """

    id: Word
    stack: Text
    project: Word
    shared: bool = False


@dataclass(frozen=True)
class StackDetails:
    """What the target keeps of a stack: its project, and by release its images and others'.

    `repairs` counts, by the name of a resource or group, how often it was found changed by hand.
    """

    project: NoWord = ""
    published: Mapping[str, Publication] = field(default_factory=dict)
    repairs: Mapping[str, int] = field(default_factory=dict)
    borrowed: Mapping[str, Borrowed] = field(default_factory=dict)


def server_output(
    machine: Machine, stable: str, private: str, evidence: Evidence, port: str
) -> ServerOutput:
    """The server as it is now; `stable` is its public address or empty, `port` an id."""
    address = stable or private
    user, keys = machine.release.user, evidence.host_keys
    endpoint = Endpoint(machine.id, address, SSH, user, machine.identity)
    own = machine.bastion if isinstance(machine.bastion, OwnBastion) else None
    proxy = own.proxy(machine.identity, private) if own and not stable else ""
    reachable = stable or machine.access == "direct"
    details = ServerDetails(
        port,
        machine.flavor.name,
        fixed=not stable,
        released=machine.server.options.address == "floating",
        private=private,
        bastion=Bastion(machine.id, address, user, keys) if reachable else None,
    )
    return ServerOutput(
        target="openstack",
        machine=machine.id,
        release=machine.release.name,
        address=address,
        ports=located(machine.server.declared, address),
        ssh=SshOptions(endpoint, keys, proxy=proxy).command_line(),
        checks=f"{len(evidence.checks)} passed",
        details=codec.plain(details),
    )


def server_details(server: ServerOutput) -> ServerDetails:
    """What the target keeps of a server. Raises FlakeshipError where it cannot be read."""
    return parsed(ServerDetails, server.details, server.machine)


def stack_details(outputs: StackOutputs, stack: str) -> StackDetails:
    """What the target keeps of a stack. Raises FlakeshipError where it cannot be read."""
    return parsed(StackDetails, outputs.details, stack)


def deployed(outputs: StackOutputs, stack: str) -> dict[str, list[Machine]]:
    """The machines of the last good run by server, the active one first. Raises FlakeshipError."""
    return machines_of(Machine, outputs, stack)


def plain_machines(machines: Mapping[str, Sequence[Machine]]) -> dict[str, list[Any]]:
    """The machines as a stack output."""
    return plain_machines_of(Machine, machines)
