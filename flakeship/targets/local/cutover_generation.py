"""Cut-overs are counted, as starts are: what a server's name really stands for is looked at.

The number of the last one is in a file beside the active one. It is a part of the request: where
something is not as that cut-over left it, the next number makes the program cut over again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flakeship.system.files import read, tidy, write
from flakeship.targets.local import hotplug, port_forwards, qemu_process, ssh_config
from flakeship.targets.local.machine_record import load
from flakeship.targets.local.qmp import QmpError, connect


@dataclass(frozen=True)
class CutoverState:
    """What a server's name is to stand for: a machine, its user and key, ports and data disks."""

    machine: Path
    active: Path
    ssh_config: Path
    user: str
    identity: str
    forwards: Mapping[int, int]
    disks: Iterable[str]


def number(wanted: CutoverState) -> int:
    """The last cut-over's number while all is as wanted, else the next; changes nothing."""
    last = read(record(wanted.active))
    if not last:
        # A machine without a record: whatever number the state has, it was another.
        return 0 if load(wanted.machine) else 1
    return int(last) + (not holds(wanted))


def holds(wanted: CutoverState) -> bool:
    """Whether the name, the ports and the disks are where they are to be."""
    saved = load(wanted.machine)
    if saved is None or read(wanted.active).strip() != wanted.machine.name:
        return False
    server = wanted.active.name
    name = ssh_config.Name(
        server, saved.id, saved.ports[22], wanted.user, wanted.identity, host_keys=()
    )
    if not ssh_config.holds(wanted.ssh_config, name):
        return False
    try:
        with connect(wanted.machine, qemu_process.PROBE_SECONDS) as monitor:
            declared = port_forwards.declared(monitor, saved)
            return declared == dict(wanted.forwards) and set(hotplug.attached(monitor)) == set(
                wanted.disks
            )
    except QmpError:
        return False


def note(active: Path, move: int) -> None:
    """Keep the number of a cut-over: its last step."""
    write(record(active), f"{move}\n")


def forget(active: Path) -> None:
    """Remove the number."""
    record(active).unlink(missing_ok=True)
    tidy(record(active).parent)


def record(active: Path) -> Path:
    """The file with the number."""
    return active.parent.with_name("moves") / active.name
