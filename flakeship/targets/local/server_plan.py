"""What a server will be: the inputs of all its resources, and its output.

The plan is made before there is an image or a machine: what those bring is a parameter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from flakeship.config.server import AnyServer
from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.model.machine import MachineId
from flakeship.model.ports import SSH, tcp_numbers
from flakeship.model.release import Release
from flakeship.state.outputs import ServerOutput
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local.console import FILE
from flakeship.targets.local.resources import (
    CutoverRequest,
    DataDisk,
    DataDiskRequest,
    MachineRequest,
    SshLogin,
    VerifyMachineRequest,
)
from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import InStack
from flakeship.verify.request import Promises, VerifyRequest

UNKNOWN_PORTS = MappingProxyType({SSH: 0})  # those of a machine that has not been started


@dataclass(frozen=True)
class ServerDetails:
    """The target's own part of a server's stack output; data disks are in MiB by name."""

    workstation: str = ""
    data_disks: dict[str, int] = field(default_factory=dict)


def machine_id(server: AnyServer, release: Release, workstation_access: bool) -> str:
    """The id of a server's machine of a release; a machine's network cannot be changed either."""
    shape = server.shape
    if not workstation_access:
        shape = hashlib.sha256(f"{shape} isolated".encode()).hexdigest()[: len(shape)]
    return str(MachineId.of(server.name, release, shape))


@dataclass(frozen=True)
class ServerPlan(InStack):
    """One server with the machine of one release.

    `boot` is the number of the start that the machine is in or gets next, `generation` that of the
    cutover likewise. `identity` is the private key file to log in with; empty: the user's agent.
    """

    server: AnyServer
    release: Release
    workstation: str
    boot: int
    subnet: str
    identity: str
    deadline: float
    generation: int = 0
    workstation_access: bool = False

    @property
    def name(self) -> str:
        """The server's name."""
        return self.server.name

    @property
    def id(self) -> str:
        """The id of the machine: another release or shape is another machine."""
        return machine_id(self.server, self.release, self.workstation_access)

    @property
    def forwards(self) -> dict[int, int]:
        """The guest port of each declared host port."""
        return {p.host_port: p.port for p in self.server.declared if p.host_port}

    def data_disk(self, name: str) -> DataDiskRequest:
        """One of the data disks."""
        size = self.server.data_disks[name].size
        return DataDiskRequest(self.stack, self.name, name, size, self.workstation)

    def start(self, image: str = "", sha512: str = "") -> MachineRequest:
        """The machine itself, booted from an image."""
        return MachineRequest(
            stack=self.stack,
            server=self.name,
            machine=self.id,
            image=image,
            sha512=sha512,
            format=self.release.format,
            vcpus=self.server.vcpus,
            memory=self.server.memory,
            disk=self.server.disk,
            subnet=self.subnet,
            ports=tcp_numbers(self.server.declared),
            data_disks=sorted(self.server.data_disks),
            boot=self.boot,
            workstation=self.workstation,
            workstation_access=self.workstation_access,
        )

    def verification(self, ports: Mapping[int, int] = UNKNOWN_PORTS) -> VerifyMachineRequest:
        """The checks of the running machine that need no data disks.

        `ports` has the machine's host port of each guest port.
        """
        request = VerifyRequest(
            machine=self.id,
            boot=self.boot,
            ports=[port.verified for port in self.server.declared],
            user=self.release.user,
            identity=self.identity,
            toplevel=self.release.toplevel,
            disk=self.server.disk,
            checks=[check for check in self.server.checks if not check.needs_data],
            deadline=self.deadline,
            promises=Promises(nix=self.release.rebuildable, switch=False),
        )
        console = str(self.files.machine(self.id) / FILE)
        return VerifyMachineRequest(
            request, dict(ports), self.subnet, console, self.workstation_access
        )

    def data_checks(self, ports: Mapping[int, int] = UNKNOWN_PORTS) -> VerifyMachineRequest | None:
        """The checks that need the data disks; None where there are none."""
        checks = [check for check in self.server.checks if check.needs_data]
        if not checks and not any(port.needs_data for port in self.server.declared):
            return None
        request = self.verification(ports)
        return replace(request, verify=replace(request.verify, checks=checks))

    def ssh_host(self, port: int, host_keys: tuple[str, ...] = ()) -> SshHost:
        """The server's entry in ssh_config; `port` is the host port of the machine's SSH."""
        return SshHost(self.name, self.id, port, self.release.user, self.identity, host_keys)

    def cutover(
        self, ports: Mapping[int, int] = UNKNOWN_PORTS, host_keys: Sequence[str] = ()
    ) -> CutoverRequest:
        """The move of the data disks, host ports and stable name to the verified machine."""
        return CutoverRequest(
            stack=self.stack,
            server=self.name,
            machine=self.id,
            ssh=SshLogin(ports[SSH], self.release.user, self.identity, tuple(host_keys)),
            boot=self.boot,
            forwards=self.forwards,
            data_disks={
                name: DataDisk(disk.size, disk.owner, disk.mode, disk.keep_snapshots)
                for name, disk in self.server.data_disks.items()
            },
            workstation=self.workstation,
            generation=self.generation,
            data_checks=self.data_checks(ports),
        )

    def output(self, evidence: Evidence) -> ServerOutput:
        """The server in the stack's outputs: the same value as long as the server is the same."""
        sizes = {name: disk.size for name, disk in self.server.data_disks.items()}
        return ServerOutput(
            target="local",
            machine=self.id,
            release=self.release.name,
            address=LOOPBACK,
            ports={str(guest): f"{LOOPBACK}:{host}" for host, guest in self.forwards.items()},
            ssh=f"ssh -F {self.files.ssh_config} {self.name}",
            checks=f"{len(evidence.checks)} passed",
            details=codec.plain(ServerDetails(self.workstation, sizes)),
        )
