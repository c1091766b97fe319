"""The target's own part of the stack's outputs: written and read here alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.state.outputs import ServerOutput, StackOutputs, parsed
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local.server_plan import ServerPlan

TARGET = "local"


@dataclass(frozen=True)
class ServerDetails:
    """The workstation that a server runs on, and the sizes of its data disks in MiB by name."""

    workstation: str = ""
    data_disks: dict[str, int] = field(default_factory=dict)


def server_output(planned: ServerPlan, evidence: Evidence) -> ServerOutput:
    """The server in the stack's outputs: the same value as long as the server is the same."""
    return ServerOutput(
        target=TARGET,
        machine=planned.id,
        release=planned.release.name,
        address=LOOPBACK,
        ports={str(guest): f"{LOOPBACK}:{host}" for host, guest in planned.forwards.items()},
        ssh=f"ssh -F {planned.files.ssh_config} {planned.name}",
        checks=f"{len(evidence.checks)} passed",
        details=codec.plain(ServerDetails(planned.workstation, planned.server.data_disks)),
    )


def server_details(outputs: StackOutputs, stack: str) -> dict[str, ServerDetails]:
    """What the target keeps of each server. Raises FlakeshipError where it cannot be read."""
    known = {name: server.details for name, server in outputs.servers.items()}
    return parsed(dict[str, ServerDetails], known, stack)
