"""What a running QEMU has for its server: data disks and forwarded host ports."""

from __future__ import annotations

import re
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system import tcp
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import workstation
from flakeship.targets.local.network import USER, forward_rule
from flakeship.targets.local.qemu_command import blockdev
from flakeship.targets.local.qmp import Qmp, QmpError

UNPLUG_SECONDS = 15.0  # a busy emulated guest releases a disk in about a second

_DEVICE = "disk-"
_NODE = "data-"
_RULE = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)")


def disks(monitor: Qmp) -> dict[str, Path]:
    """The file of each data disk of a machine."""
    devices = {device["name"] for device in monitor.execute("qom-list", path="/machine/peripheral")}
    files = {name.removeprefix(_NODE): Path(file) for name, file in _nodes(monitor).items()}
    return {name: file for name, file in files.items() if f"{_DEVICE}{name}" in devices}


def attach(monitor: Qmp, name: str, file: Path) -> None:
    """Attach a disk with its name as serial number. Raises QmpError where another QEMU has it."""
    if name in disks(monitor):
        return
    _close(monitor, name)
    node, device = f"{_NODE}{name}", f"{_DEVICE}{name}"
    monitor.execute("blockdev-add", **blockdev(node, file.absolute()))
    monitor.execute("device_add", driver="virtio-blk-pci", id=device, drive=node, serial=name)


def detach(monitor: Qmp, name: str) -> None:
    """Detach a disk and close its file. Raises FlakeshipError (`disk-busy`)."""
    if name in disks(monitor):
        monitor.execute("device_del", id=f"{_DEVICE}{name}")
        try:
            monitor.wait("DEVICE_DELETED", UNPLUG_SECONDS, device=f"{_DEVICE}{name}")
        except QmpError as error:
            raise FlakeshipError(
                f"the guest did not release the disk within {UNPLUG_SECONDS:g} s ({error.what})",
                code="disk-busy",
                key=f"data disk {name}",
                remedy="its kernel needs PCI hotplug (CONFIG_HOTPLUG_PCI_ACPI)",
            ) from error
    _close(monitor, name)


def resize(monitor: Qmp, name: str, size: int) -> None:
    """Grow an attached disk to a size in bytes."""
    monitor.execute("block_resize", **{"node-name": f"{_NODE}{name}", "size": size})


def _nodes(monitor: Qmp) -> dict[str, str]:
    blocks = monitor.execute("query-named-block-nodes", flat=True)
    named = {block["node-name"]: block["file"] for block in blocks}
    return {name: file for name, file in named.items() if name.startswith(_NODE)}


def _close(monitor: Qmp, name: str) -> None:
    """Close the file of a disk that no device uses; a failed `attach` leaves it open."""
    if f"{_NODE}{name}" in _nodes(monitor):
        monitor.execute("blockdev-del", **{"node-name": f"{_NODE}{name}"})


def forwards(monitor: Qmp) -> dict[int, int]:
    """The guest port of each forwarded host port."""
    rules = _RULE.findall(monitor.human("info usernet"))
    return {int(host_port): int(guest_port) for host_port, guest_port in rules}


def forward(monitor: Qmp, host_port: int, guest_port: int | None) -> None:
    """Forward a host port to a guest port, or none. Raises FlakeshipError (`host-port-taken`)."""
    current = forwards(monitor).get(host_port)
    if current == guest_port:
        return
    if current is not None:
        monitor.human(f"hostfwd_remove {USER} tcp:{LOOPBACK}:{host_port}")
    if guest_port is None:
        return
    if refusal := monitor.human(f"hostfwd_add {USER} {forward_rule(host_port, guest_port)}"):
        holder = workstation.port_holder(host_port)
        raise port_taken(
            f"cannot be forwarded to port {guest_port} ({refusal}): {holder} listens on it",
            host_port,
            holder,
        )


def port_taken(what: str, host_port: int, holder: workstation.Holder) -> FlakeshipError:
    """The error of a host port that another process has, or that needs privileges."""
    if isinstance(tcp.refusal(host_port), PermissionError):
        key = f"port {host_port} of {LOOPBACK}"
        return workstation.privileged(host_port, workstation.first_port(), key)
    return FlakeshipError(
        what,
        code="host-port-taken",
        key=f"port {host_port} of {LOOPBACK}",
        remedy=holder.remedy,
    )
