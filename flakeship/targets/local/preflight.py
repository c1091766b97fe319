"""What a plan refuses before anything changes, and what it warns of: the workstation's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flakeship.config.server import AnyServer
from flakeship.model.errors import SettingError
from flakeship.model.release import Release
from flakeship.targets.local import workstation
from flakeship.targets.local.inspect import LocalInventory

MAX_CPUS = 255  # of QEMU's machine type pc
MAX_DISKS = 27  # its PCI slots without those of the chipset, the root disk, network and entropy
OVERCOMMIT = 2  # guests do not use all of their memory, but most of it
LOW_DISK = 1024  # MiB below which a preview warns: a disk that is full pauses its guest


def check_server(key: str, server: AnyServer, release: Release, inventory: LocalInventory) -> None:
    """Refuse a server that could not run here.

    Raises SettingError: server-too-small, server-too-large, host-port-privileged, host-port-taken.
    """
    with _of(f"server {server.name}"):
        _check_size(key, server, release)
        _check_limits(key, server, inventory)
    for number, port in enumerate(server.ports):
        with _of(f"server {server.name}, port {port.port}"):
            if port.host_port:
                _check_host_port(f"{key}.ports[{number}].hostPort", port.host_port, inventory)


@contextmanager
def _of(what: str) -> Iterator[None]:
    """Name what the numbers in a key stand for."""
    try:
        yield
    except SettingError as error:
        error.of = what
        raise


def _check_limits(key: str, server: AnyServer, inventory: LocalInventory) -> None:
    for what, given, most, unit in (
        ("memory", server.memory, inventory.memory, " MiB"),
        ("vcpus", server.vcpus, MAX_CPUS, ""),
        ("dataDisks", len(server.data_disks), MAX_DISKS, " disks" if server.data_disks else ""),
    ):
        if most and given > most:
            raise SettingError(
                "is more than a machine on this workstation can have",
                code="server-too-large",
                key=f"{key}.{what}",
                given=f"{given}{unit}",
                allowed=f"{most}{unit} or less",
            )


def check_stack(servers: Sequence[AnyServer], inventory: LocalInventory) -> None:
    """Refuse servers that together could not run here. Raises SettingError."""
    given, most = sum(server.memory for server in servers), OVERCOMMIT * inventory.memory
    if inventory.memory and given > most:
        raise SettingError(
            f"{len(servers)} servers need more memory than this workstation can lend them",
            code="stack-too-large",
            key="flakeship:servers",
            given=f"{given} MiB",
            allowed=f"{most} MiB or less: twice the {inventory.memory} MiB that it has",
        )


def warnings(servers: Sequence[AnyServer], inventory: LocalInventory) -> Iterator[str]:
    """What may run badly here."""
    memory = sum(server.memory for server in servers)
    if inventory.memory and memory > inventory.memory:
        yield (
            f"the servers have {memory} MiB of memory together, and this workstation has "
            f"{inventory.memory} MiB: it will run out of memory if they use theirs"
        )
    for server in servers:
        if inventory.cpus and server.vcpus > 2 * inventory.cpus:
            yield (
                f"{server.name}: {server.vcpus} vcpus share the {inventory.cpus} processors of "
                "this workstation, which makes them slow"
            )
    if inventory.free_disk is not None and inventory.free_disk < LOW_DISK:
        yield (
            f"the disk of .state has {inventory.free_disk} MiB left; where it is full, QEMU pauses "
            "the machines that write"
        )


def _check_size(key: str, server: AnyServer, release: Release) -> None:
    for what, given, least in (
        ("memory", server.memory, release.memory),
        ("disk", server.disk, release.disk),
    ):
        if least != "auto" and given < least:
            raise SettingError(
                f"{release.name} needs more",
                code="server-too-small",
                key=f"{key}.{what}",
                given=f"{given} MiB",
                allowed=f"{least} MiB or more",
            )


def _check_host_port(key: str, port: int, inventory: LocalInventory) -> None:
    if first := inventory.privileged.get(port):
        raise workstation.privileged(port, first, key)
    if holder := inventory.held_ports.get(port):
        raise SettingError(
            f"{holder} listens on it",
            code="host-port-taken",
            key=key,
            given=str(port),
            remedy=holder.remedy,
        )
