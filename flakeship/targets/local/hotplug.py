"""Data disks put into running machines and taken out of them."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local.qmp import Monitor, QmpError

UNPLUG_SECONDS = 15.0
"""How long a guest may take to let go of a disk; a busy emulated one takes about a second."""

_DEVICE = "disk-"
_NODE = "data-"


def node(name: str) -> str:
    """What QEMU calls the file of a disk."""
    return f"{_NODE}{name}"


def attached(monitor: Monitor) -> dict[str, Path]:
    """The data disks that a machine has: their names and files."""
    devices = {device["name"] for device in monitor.execute("qom-list", path="/machine/peripheral")}
    found = {}
    for each in monitor.execute("query-named-block-nodes", flat=True):
        name = each["node-name"].removeprefix(_NODE)
        if node(name) == each["node-name"] and f"{_DEVICE}{name}" in devices:
            found[name] = Path(each["file"])
    return found


def attach(monitor: Monitor, name: str, file: Path) -> None:
    """Put a disk into a running machine, where it gets `name` as its serial number."""
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
    """Take a disk out of a running machine and close its file; the guest has to let go of it.

    Raises a FlakeshipError when the guest does not within UNPLUG_SECONDS.
    """
    if name in attached(monitor):
        monitor.execute("device_del", id=f"{_DEVICE}{name}")
        try:
            monitor.wait("DEVICE_DELETED", UNPLUG_SECONDS, device=f"{_DEVICE}{name}")
        except QmpError as error:
            raise FlakeshipError(
                f"the guest did not let go of the disk {name} within {UNPLUG_SECONDS:g} s: its "
                f"kernel needs PCI hot plug (CONFIG_HOTPLUG_PCI_ACPI): {error}"
            ) from error
    _drop_node(monitor, name)


def _drop_node(monitor: Monitor, name: str) -> None:
    """Close the file of a disk that no device uses; a failed `attach` leaves it open."""
    nodes = monitor.execute("query-named-block-nodes", flat=True)
    if node(name) in {each["node-name"] for each in nodes}:
        monitor.execute("blockdev-del", **{"node-name": node(name)})
