"""What a server on this machine will be: every request that its resources hand to a verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from flakeship.config.server import AnyServer
from flakeship.config.settings import AnySettings
from flakeship.model.artifact import Artifact
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.release import Release
from flakeship.nix import store
from flakeship.state.outputs import ServerOutput
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import cutover_generation, host, machine
from flakeship.targets.local.requests import (
    CutoverRequest,
    DiskRequest,
    MachineRequest,
    Running,
    VerifyMachineRequest,
)
from flakeship.verify.request import Promises, VerifyRequest


@dataclass(frozen=True)
class Machine:
    """The machine of one server and one release, and where its files are.

    `boot` is the number of the start that it is in or, where it has died, gets next; `move` is that
    of the cut-over likewise; `host` is the machine it lives on. Everything is below
    `.state/<stack>`.
    """

    stack: str
    server: AnyServer
    release: Release
    host: str
    boot: int
    subnet: str
    identity: str
    deadline: float
    move: int = 0

    @property
    def id(self) -> str:
        """`<server>-<release's hash>-<shape>`: another release or shape is another machine."""
        return machine_id(self.server, self.release)

    @property
    def directory(self) -> str:
        """Its overlay, console log, socket and pid file."""
        return f".state/{self.stack}/machines/{self.id}"

    @property
    def active(self) -> str:
        """The file that holds the id of the server's active machine."""
        return f".state/{self.stack}/active/{self.server.name}"

    @property
    def disks(self) -> dict[str, str]:
        """The files of the server's data disks by name."""
        folder = f".state/{self.stack}/disks/{self.server.name}"
        return {name: f"{folder}/{name}.qcow2" for name in self.server.data_disks}

    @property
    def ssh_config(self) -> str:
        """The file with the stable names of the stack's servers."""
        return f".state/{self.stack}/ssh_config"

    @property
    def forwards(self) -> dict[int, int]:
        """The guest's port for each declared port of this host."""
        return {p.host_port: p.port for p in self.server.declared if p.host_port}

    @property
    def standing(self) -> cutover_generation.CutoverState:
        """What the server's name is to stand for."""
        return cutover_generation.CutoverState(
            machine=Path(self.directory),
            active=Path(self.active),
            ssh_config=Path(self.ssh_config),
            user=self.release.user,
            identity=self.identity,
            forwards=self.forwards,
            disks=self.disks,
        )

    def disk(self, name: str) -> DiskRequest:
        """One of the data disks."""
        return DiskRequest(self.disks[name], self.server.data_disks[name])

    def start(self, artifact: Artifact) -> MachineRequest:
        """The machine itself, booted from an image file."""
        return MachineRequest(
            id=self.id,
            directory=self.directory,
            active=self.active,
            image=artifact.image.path,
            sha512=artifact.image.sha512,
            vcpus=self.server.vcpus,
            memory=self.server.memory,
            disk=self.server.disk,
            subnet=self.subnet,
            ports=[port.port for port in self.server.declared if port.protocol != "udp"],
            disks=self.disks,
            boot=self.boot,
            lives_on=self.host,
            format=self.release.format,
        )

    def verify(self, running: Running) -> VerifyMachineRequest:
        """The checks of the machine that runs."""
        request = VerifyRequest(
            machine=self.id,
            boot=running.boot,
            ports=[port.verified for port in self.server.declared],
            user=self.release.user,
            identity=self.identity,
            toplevel=self.release.toplevel,
            disk=self.server.disk,
            checks=[check for check in self.server.checks if not check.needs_data],
            deadline=self.deadline,
            promises=Promises(switch=False),
        )
        console = f"{self.directory}/console.log"
        return VerifyMachineRequest(request, running.ports, self.subnet, console)

    def serving(self, running: Running) -> VerifyMachineRequest | None:
        """What the cut-over checks once the data disks have moved."""
        checks = [check for check in self.server.checks if check.needs_data]
        if not checks and not any(port.needs_data for port in self.server.declared):
            return None
        request = self.verify(running)
        return replace(request, verify=replace(request.verify, checks=checks))

    def cutover(self, running: Running, evidence: Evidence) -> CutoverRequest:
        """The move of the server's stable name, ports and data disks to the verified machine."""
        return CutoverRequest(
            server=self.server.name,
            machine=self.id,
            boot=running.boot,
            directories=str(PurePosixPath(self.directory).parent),
            active=self.active,
            ssh_config=self.ssh_config,
            ssh_port=running.ports[22],
            user=self.release.user,
            identity=self.identity,
            host_keys=evidence.host_keys,
            forwards=self.forwards,
            disks=self.disks,
            sizes=self.server.data_disks,
            lives_on=self.host,
            serving=self.serving(running),
            move=self.move,
        )

    def report(self, evidence: Evidence) -> ServerOutput:
        """The server as the stack's outputs have it: the same as long as it is the same."""
        forwarded = [port for port in self.server.declared if port.host_port]
        return ServerOutput(
            target="local",
            machine=self.id,
            release=self.release.name,
            address=LOOPBACK,
            ports={port.label: f"{LOOPBACK}:{port.host_port}" for port in forwarded},
            ssh=f"ssh -F {self.ssh_config} {self.server.name}",
            checks=f"{len(evidence.checks)} passed",
            details={"host": self.host, "data": self.server.data_disks},
        )


def machine_id(server: AnyServer, release: Release) -> str:
    """The name of a server's machine of a release."""
    return f"{server.name}-{release.name.removeprefix(f'{release.host}-')}-{server.shape}"


def plan(
    settings: AnySettings,
    releases: Mapping[str, Release],
    stack: str,
    identity: str,
    before: Mapping[str, object],
) -> list[Machine]:
    """Every machine of a stack, as it is to be; `before` is the stack's own output `servers`.

    Raises FlakeshipError for servers that live on another machine, and for a shape that is too
    small for the release.
    """
    here = host.this_host()
    machines: list[Machine] = []
    for server in settings.instances:
        release = releases[server.host or settings.host]
        fits(server, release)
        lives_on = lives_here(server.name, before.get(server.name), here)
        name = machine_id(server, release)
        state = machine.probe(Path(f".state/{stack}/machines/{name}"))
        if not state.runs:
            image_is_there(release, Path(f".state/{stack}/roots", release.name))
        taken = [other.subnet for other in machines]
        planned = Machine(
            stack=stack,
            server=server,
            release=release,
            host=lives_on,
            boot=machine.next_boot(state),
            subnet=host.subnet(name, taken),
            identity=identity,
            deadline=settings.boot_timeout,
        )
        machines.append(replace(planned, move=cutover_generation.number(planned.standing)))
    return machines


def image_is_there(release: Release, root: Path) -> None:
    """Refuse to start from an image that was built, as its root says, and is gone.

    Nothing in the program would build it again.
    """
    if root.is_symlink() and (error := store.missing(release)) is not None:
        raise error


def fits(server: AnyServer, release: Release) -> None:
    """Refuse a server that the image does not fit on."""
    for what, given, least in (
        ("memory", server.memory, release.memory),
        ("disk", server.disk, release.disk),
    ):
        if least != "auto" and given < least:
            raise FlakeshipError(
                f"flakeship:servers: {server.name} has {given} MiB of {what}, "
                f"but {release.name} needs at least {least} MiB"
            )


def lives_here(server: str, before: object, here: str) -> str:
    """The host's name as the stack knows it; refuses to touch a server of another host."""
    there = before.get("host") if isinstance(before, Mapping) else None
    if there is None:
        return here
    if not host.same(str(there), here):
        raise FlakeshipError(
            f"server {server} lives on {there}, and this is {here}: run Pulumi there, "
            "or use a stack of its own on this machine (pulumi stack init). Where that host is "
            "gone for ever: `pulumi stack rm --force --preserve-config` and `pulumi stack init`"
        )
    return str(there)
