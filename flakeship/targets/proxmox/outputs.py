"""The target's own part of the stack's outputs: written and read here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from flakeship.model import codec
from flakeship.model.fields import Number, Text
from flakeship.model.ports import SSH, located
from flakeship.model.release import ReleaseName
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.outputs import (
    ServerOutput,
    StackOutputs,
    machines_of,
    parsed,
    plain_machines_of,
)
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.requests import Cutover, MachineEvidence

Id = Annotated[int, Field(ge=0, le=999_999_999), Number]


@dataclass(frozen=True)
class Template:
    """A template of a release: the only one, or one of several nodes."""

    vmid: Id
    node: Text


@dataclass(frozen=True)
class Removed:
    """What a run has removed at its end, by its id and its name, unless that has failed."""

    vmid: Id
    name: Text


@dataclass(frozen=True)
class ServerDetails:
    """What the target keeps of a server: its active machine's id, node and own address."""

    vmid: Id = 0
    node: Text = ""
    own: Text = ""


@dataclass(frozen=True)
class StackDetails:
    """What the target keeps of a stack: the nodes of its cluster, and its templates by release.

    `leaving` is what the state may still hold, because it was to be removed last. `repairs` counts,
    by the key of a verification, how often its machine was found stopped. `access` is how the API
    was reached, which is an input of every resource.
    """

    nodes: list[Text] = field(default_factory=list)
    templates: dict[ReleaseName, list[Template]] = field(default_factory=dict)
    leaving: list[Removed] = field(default_factory=list)
    repairs: dict[str, int] = field(default_factory=dict)
    access: Access | None = None


def server_output(machine: Machine, evidence: MachineEvidence, cutover: Cutover) -> ServerOutput:
    """The server as it is now, at its service address or name, else at its machine's own."""
    address = next(iter(cutover.reached), evidence.address)
    user, keys = machine.release.user, evidence.host_keys
    endpoint = Endpoint(machine.id, evidence.address, SSH, user, machine.identity)
    return ServerOutput(
        target="proxmox",
        machine=machine.id,
        release=machine.release.name,
        address=address,
        ports=located(machine.server.declared, address),
        ssh=SshOptions(endpoint, keys).command_line(),
        checks=f"{len(evidence.checks)} passed",
        details=codec.plain(ServerDetails(machine.vmid, machine.node, evidence.address)),
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
