"""The machine that runs Pulumi and QEMU: its identity with this checkout, and its TCP ports."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.system import tcp
from flakeship.system.files import read
from flakeship.system.process import run
from flakeship.targets.local import checkout

MEMINFO = Path("/proc/meminfo")
GONE = (
    "If it no longer exists, remove what ran there from the state: `pulumi state delete "
    "--target-dependents URN` (see `pulumi stack --show-urns`)"
)
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def identity() -> str:
    """Where the machines of this checkout live: `<hostname>-<8 hexadecimal digits>/<checkout>`.

    The digits are of a hash: the machine-id itself is confidential (machine-id(5)).
    """
    name = socket.gethostname()
    machine_id = read(Path("/etc/machine-id")).strip()
    digits = f"-{hashlib.sha256(machine_id.encode()).hexdigest()[:8]}" if machine_id else ""
    return f"{name}{digits}/{checkout.identifier()}"


def mismatch(owner: str, current: str, key: str) -> FlakeshipError | None:
    """The error for what another workstation or checkout owns; an empty owner is this one.

    Hostnames may change. What an earlier version recorded is without a checkout.
    """
    (name, own), (here, ours) = (place.partition("/")[::2] for place in (owner, current))
    digits, digits_here = (re.findall(r"-[0-9a-f]{8}$", each) for each in (name, here))
    if owner and name != here and not digits == digits_here != []:
        return FlakeshipError(
            "belongs to another workstation, and a `local` server is changed only where it runs",
            code="workstation-mismatch",
            key=key,
            given=here,
            allowed=name,
            remedy=f"run this on {name}, or use another stack here (`pulumi stack init`). {GONE}",
        )
    if own and own != ours:
        return FlakeshipError(
            "belongs to another checkout on this workstation, whose .state has its machines",
            code="checkout-mismatch",
            key=key,
            given=ours,
            allowed=own,
            remedy=f"run this in the checkout whose .state/{checkout.FILE} is {own}, or use "
            "another stack here (`pulumi stack init`). Its QEMU processes, if any: "
            f"`grep -lsa {checkout.VARIABLE}={own} /proc/[0-9]*/environ`. {GONE}",
        )
    return None


def require(owner: str, key: str) -> None:
    """Refuse what another place owns (`workstation-mismatch`, `checkout-mismatch`)."""
    if owner and (error := mismatch(owner, identity(), key)):
        raise error


def memory() -> int:
    """The memory and swap space in MiB; 0: unknown."""
    found = dict(re.findall(r"^(MemTotal|SwapTotal):\s+(\d+) kB$", read(MEMINFO), re.MULTILINE))
    return sum(int(size) for size in found.values()) // 1024


def cpus() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def first_port() -> int:
    """The first port that any user may listen on."""
    text = read(UNPRIVILEGED).strip()
    return int(text) if text.isdecimal() else 1024


def privileged(port: int, first: int, key: str) -> SettingError:
    """The error of a host port that only root may listen on; `first` is as of `first_port`."""
    return SettingError(
        f"this user may not listen on ports below {first}",
        code="host-port-privileged",
        key=key,
        given=str(port),
        allowed=f"{first} to 65535",
        remedy="set another hostPort, or allow it as root: "
        f"`sysctl net.ipv4.{UNPRIVILEGED.name}={port}`",
    )


def host_ports(guest_ports: Iterable[int], former: Mapping[int, int]) -> dict[int, int]:
    """A free host port for each guest port: the former one where it is still free."""
    guests = sorted(set(guest_ports))
    kept = {
        guest: former[guest] for guest in guests if guest in former and tcp.is_free(former[guest])
    }
    missing = [guest for guest in guests if guest not in kept]
    chosen = zip(missing, tcp.free_ports(len(missing)), strict=True)
    return dict(sorted((kept | dict(chosen)).items()))


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port; `mark` is as checkout.mark where it is a machine's.

    `elsewhere`: that of another checkout.
    """

    name: str = ""
    pid: int = 0
    mark: str = ""
    elsewhere: bool = False

    def __str__(self) -> str:
        """For a message: `nginx (pid 42)`, the machine, or `another process`."""
        if not self.mark:
            return f"{self.name} (pid {self.pid})" if self.pid else "another process"
        _, stack, machine = (*self.mark.split("/"), "", "")[:3]
        other = " of another checkout" if self.elsewhere else ""
        return f"the machine {machine} of the stack {stack}{other} (QEMU, pid {self.pid})"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if not self.mark:
            return "stop that process, or set another hostPort"
        return (
            "give one of the two servers another hostPort; where the machine hangs, or nothing "
            f"needs it any more, `kill {self.pid}` ends it"
        )


def port_holder(port: int) -> Holder:
    """What listens on a port, as far as this user may see it."""
    listening = run(["ss", "-Hltnp", f"sport = :{port}"], check=False, timeout=5).stdout
    found = re.search(r'users:\(\("([^"]*)",pid=(\d+)', listening)
    if not found:
        return Holder()
    mark = checkout.mark_of(int(found[2]))
    elsewhere = bool(mark) and mark.partition("/")[0] != checkout.identifier()
    return Holder(found[1], int(found[2]), mark, elsewhere)
