"""What a machine reports of itself, as values. A fact that is missing fails its check."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from flakeship.model.sizes import MIB
from flakeship.model.text import rows
from flakeship.system.process import Shell
from flakeship.verify.checks.verdict import Failed, unreadable
from flakeship.verify.request import Route, VerifyRequest

# protocol, state, two queues, address:port, the peer, and maybe the process
SOCKET = re.compile(r'(tcp|udp)\s+\S+\s+\S+\s+\S+\s+(\S+):([0-9]{1,5})\s+\S+(?:.*?"([^"]+)")?')


@dataclass(frozen=True)
class Section:
    """One command of the probe: its exit code, its output, and how long it took."""

    code: int
    stdout: str
    stderr: str
    milliseconds: int


@dataclass(frozen=True)
class Address:
    """An address of an interface."""

    interface: str
    address: str
    dynamic: bool
    lifetime: int | None  # of its lease, in seconds; None: unlimited
    broadcast: str = ""


@dataclass(frozen=True)
class Listener:
    """A socket that accepts connections or packets; `process` is its owner, where it is known."""

    protocol: str
    address: str
    port: int
    process: str

    @property
    def loopback(self) -> bool:
        """Whether only the machine itself can reach it."""
        host, scope = _host(self.address)
        if scope == "lo":
            return True
        if host == "*":
            return False
        found = ipaddress.ip_address(host)
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return (mapped or found).is_loopback

    @property
    def only_ipv4(self) -> bool:
        """Whether no packet of IPv6 can reach it."""
        return ":" not in self.address and "*" not in self.address

    def __str__(self) -> str:
        owner = f" ({self.process})" if self.process else ""
        return f"{self.protocol} {self.address}:{self.port}{owner}"


@dataclass(frozen=True)
class Facts:
    """The sections of a probe. Reading a fact that is missing raises Failed with the reason."""

    sections: Mapping[str, Section] = field(default_factory=dict)
    refusal: str = ""  # what sudo said where it refused the user
    fault: str = ""  # why none of it can be read

    def updated(self, newer: Facts) -> Facts:
        """These facts, with the sections of a later probe in their place."""
        sections = {**self.sections, **newer.sections}
        return replace(self, sections=sections, fault=self.fault or newer.fault)

    def milliseconds(self, *names: str) -> int:
        """The time that the sections took on the machine (to 10 ms)."""
        return sum(self.sections[name].milliseconds for name in names if name in self.sections)

    def text(self, name: str, *, any_code: bool = False) -> str:
        """The output of a section's command, which succeeded or, with `any_code`, said anything."""
        if self.fault:
            raise Failed(self.fault)
        section = self.sections.get(name)
        if section is None:
            raise Failed(f"the probe ended before `{name}`")
        if (not section.stdout.strip()) if any_code else section.code:
            output = " ".join((section.stderr.strip() or section.stdout).split())
            raise Failed(f"`{name}` ended with exit code {section.code}: {output or 'no output'}")
        return section.stdout.strip()

    def lines(self, name: str) -> list[str]:
        """The output of a section that may be missing."""
        section = self.sections.get(name)
        return rows(section.stdout) if section else []

    @property
    def state(self) -> str:
        """The state of the system, `running` when all is well; other states have other codes."""
        return rows(self.text("state", any_code=True))[0]

    @property
    def addresses(self) -> list[Address]:
        """The addresses of all interfaces; read from the text, for busybox has no `ip -j`."""
        found = []
        interface = ""
        for line in rows(self.text("addresses")):
            if link := re.match(r"\d+: ([^:@]+)", line):
                interface = link[1]
            elif address := re.match(r"\s+inet6? ([^\s/]+)(.*)", line):
                if not _is_address(address[1]):
                    raise unreadable("ip addr", line.strip()[:200])
                dynamic = "dynamic" in address[2].split()
                broadcast = re.search(r" brd (\S+)", address[2])
                own = broadcast[1] if broadcast and _is_address(broadcast[1]) else ""
                found.append(Address(interface, address[1], dynamic, None, own))
            elif found and (life := re.match(r"\s+valid_lft ([0-9]{1,12})sec", line)):
                found[-1] = replace(found[-1], lifetime=int(life[1]))
        if not found:
            raise unreadable("ip addr", self.text("addresses") or "no output")
        return found

    @property
    def links(self) -> list[str]:
        """The interfaces with other machines behind them: network cards, and what joins these."""
        return [word for line in self.lines("links") for word in line.split()]

    @property
    def listeners(self) -> list[Listener]:
        """The TCP and UDP sockets that accept connections or packets."""
        found = []
        for line in rows(self.text("listeners")):
            socket = SOCKET.match(line)
            if not socket or int(socket[3]) > 65535 or not _is_address(socket[2], host=True):
                raise unreadable("ss", line[:200])
            found.append(Listener(socket[1], socket[2], int(socket[3]), socket[4] or ""))
        return found

    @property
    def outward(self) -> list[Listener]:
        """The listeners that are not on loopback."""
        return [each for each in self.listeners if not each.loopback]

    @property
    def origins(self) -> list[str]:
        """Where addresses without an end came from: `<kind> <file>: <a line of it>`."""
        return self.lines("origins")

    @property
    def jobs(self) -> list[str]:
        """The jobs that a system waits for which is still starting: unit, type and state."""
        found = map(str.split, self.lines("jobs"))
        return [" ".join(words[1:4]) for words in found if len(words) >= 4]

    @property
    def root_mib(self) -> int:
        """The size of the root file system in MiB."""
        found = re.search(
            r"^\S+\s+([0-9]{1,15})\s+\d+\s+\d+\s+\d+%\s+/$", self.text("root"), re.MULTILINE
        )
        if not found:
            raise unreadable("df", self.text("root"))
        return int(found[1]) // 1024

    @property
    def pool_mib(self) -> int | None:
        """The size of the ZFS pool that the root is in, in MiB; None for another file system."""
        found = re.search(r"^([0-9]{1,20})$", self.text("root"), re.MULTILINE)
        return int(found[1]) // MIB if found else None

    @property
    def reasons(self) -> str:
        """The last log lines of the failed units, in one line; empty where there are none."""
        return " / ".join(line.strip() for line in self.lines("reasons") if line.strip())


@dataclass(frozen=True)
class Subject:
    """The machine under verification, with a login on it and what it reports."""

    request: VerifyRequest
    route: Route
    shell: Shell
    facts: Callable[[], Facts]  # it waits for the system's start
    started: Callable[[], bool] = lambda: True  # whether the facts are there


def _host(address: str) -> tuple[str, str]:
    """The address of a socket as `ss` shows it, and its interface: `[fe80::1]%ens3`, `*%eth0`."""
    host, _, scope = address.replace("[", "").replace("]", "").partition("%")
    return host, scope


def _is_address(text: str, *, host: bool = False) -> bool:
    """Whether it is an IP address or, of a socket (`host`), the one that stands for all."""
    name = _host(text)[0] if host else text
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return host and name == "*"
    return True
