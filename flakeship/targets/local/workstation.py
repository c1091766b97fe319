"""The machine that runs Pulumi and QEMU: its identity, and its TCP ports."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import read
from flakeship.system.process import run
from flakeship.system.tcp import LOOPBACK, free_ports


def identity() -> str:
    """A stable name that no other workstation has: `<hostname>-<8 hexadecimal digits>`.

    The machine-id itself is confidential (machine-id(5)), so only a hash of it is shown.
    """
    name = socket.gethostname()
    machine_id = read(Path("/etc/machine-id")).strip()
    return f"{name}-{hashlib.sha256(machine_id.encode()).hexdigest()[:8]}" if machine_id else name


def same(one: str, other: str) -> bool:
    """Whether two identities are of one workstation, whose hostname may have changed."""
    one_digest, other_digest = (re.findall(r"-[0-9a-f]{8}$", name) for name in (one, other))
    return one == other or one_digest == other_digest != []


def require(owner: str, machine: str) -> None:
    """Refuse what another workstation owns (`workstation-mismatch`); an empty owner is this one."""
    current = identity()
    if owner and not same(owner, current):
        raise FlakeshipError(
            "belongs to another workstation, and a `local` server is changed only where it runs",
            code="workstation-mismatch",
            key=machine,
            given=current,
            allowed=owner,
            remedy=f"run this on {owner}; if {owner} no longer exists, remove what ran there from "
            "the state: `pulumi state delete --target-dependents URN` (see `pulumi stack "
            "--show-urns`)",
        )


def is_free(port: int) -> bool:
    """Whether a port of the loopback address can be listened on."""
    with socket.socket() as probe:
        # As QEMU does: closed connections in TIME_WAIT do not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def host_ports(guest_ports: Iterable[int], former: Mapping[int, int]) -> dict[int, int]:
    """A free host port for each guest port: the former one where it is still free."""
    guests = sorted(set(guest_ports))
    kept = {guest: former[guest] for guest in guests if guest in former and is_free(former[guest])}
    missing = [guest for guest in guests if guest not in kept]
    chosen = zip(missing, free_ports(len(missing)), strict=True)
    return dict(sorted((kept | dict(chosen)).items()))


def port_holder(port: int) -> str:
    """The process that listens on a port, for messages: `nginx (pid 42)` or `another process`."""
    listening = run(["ss", "-Hltnp", f"sport = :{port}"], check=False, timeout=5).stdout
    found = re.search(r'users:\(\("([^"]*)",pid=(\d+)', listening)
    return f"{found[1]} (pid {found[2]})" if found else "another process"
