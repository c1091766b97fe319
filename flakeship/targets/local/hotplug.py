"""Attaches data disks to running machines and detaches them."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local.qmp import Monitor, QmpError

UNPLUG_SECONDS = 15.0
"""How long a guest may take to release a disk; a busy emulated one takes about a second."""

_DEVICE = "disk-"
_NODE = "data-"


def node(name: str) -> str:
    """The name of a disk's block node in QEMU."""
    return f"{_NODE}{name}"


def attached(monitor: Monitor) -> dict[str, Path]:
    """A machine's data disks: the file of each name."""
    devices = {device["name"] for device in monitor.execute("qom-list", path="/machine/peripheral")}
    found = {}
    for block in monitor.execute("query-named-block-nodes", flat=True):
        name = block["node-name"].removeprefix(_NODE)
        if node(name) == block["node-name"] and f"{_DEVICE}{name}" in devices:
            found[name] = Path(block["file"])
    return found


def attach(monitor: Monitor, name: str, file: Path) -> None:
    """Attach a disk, with `name` as its serial number; nothing happens where it is attached.

    Raises QmpError, above all where another QEMU has the file.
    """
    if name in attached(monitor):
        return
    _drop_node(monitor, name)
    monitor.execute(
        "blockdev-add",
        **{"driver": "qcow2", "node-name": node(name), "discard": "unmap"},
        file={"driver": "file", "filename": str(file.absolute())},
    )
    monitor.execute(
        "device_add",
        driver="virtio-blk-pci",
        id=f"{_DEVICE}{name}",
        drive=node(name),
        serial=name,
    )


def detach(monitor: Monitor, name: str) -> None:
    """Detach a disk and close its file; nothing happens where it is not attached.

    Raises FlakeshipError (`disk-busy`) when the guest does not release it within UNPLUG_SECONDS.
    """
    if name in attached(monitor):
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
    _drop_node(monitor, name)


def _drop_node(monitor: Monitor, name: str) -> None:
    """Close the file of a disk that no device uses; a failed `attach` leaves it open."""
    blocks = monitor.execute("query-named-block-nodes", flat=True)
    if node(name) in {block["node-name"] for block in blocks}:
        monitor.execute("blockdev-del", **{"node-name": node(name)})
