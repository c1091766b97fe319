"""What probe.sh has found out about a machine, as values. Whatever is missing is a Failed check."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.ssh.root import as_root
from flakeship.system.process import Shell
from flakeship.verify.checks import iptables, nftables
from flakeship.verify.checks.firewall import PROTOCOLS, Firewall
from flakeship.verify.checks.verdict import Failed

PROBE = Path(__file__).with_name("probe.sh").read_text()
"""The script, for the standard input of `command`."""

SECONDS = 240.0
"""For the script, which waits up to 120 s for the system to be done with starting."""

MARK = re.compile(r"@@@ (begin|end) (\S+) ([\d.]+) (\S+)")


def command(*sections: str) -> str:
    """The command line that runs the script: as root, or as the user where sudo refuses."""
    return as_root(f"sh -s {' '.join(sections)}", or_as_user=True)


@dataclass(frozen=True)
class Section:
    """One command of the probe: how it ended, what it said, how long it took."""

    code: int
    stdout: str
    stderr: str
    milliseconds: int


@dataclass(frozen=True)
class Address:
    """An address of an interface; `lifetime` is in seconds, None is for ever."""

    interface: str
    address: str
    dynamic: bool
    lifetime: int | None


@dataclass(frozen=True)
class Listener:
    """A socket that waits for somebody; `process` names who holds it, where that is known."""

    protocol: str
    address: str
    port: int
    process: str

    @property
    def loopback(self) -> bool:
        """Whether only the machine itself can reach it."""
        host, _, scope = self.address.strip("[]").partition("%")
        if scope == "lo":
            return True
        if host == "*":
            return False
        found = ipaddress.ip_address(host.strip("[]"))
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return (mapped or found).is_loopback

    def __str__(self) -> str:
        held = f" ({self.process})" if self.process else ""
        return f"{self.protocol} {self.address}:{self.port}{held}"


@dataclass(frozen=True)
class Facts:
    """The sections of a probe. Reading a fact that is not there raises Failed and says why.

    `refusal` is what sudo said where it did not let the user be root.
    """

    sections: Mapping[str, Section] = field(default_factory=dict)
    refusal: str = ""

    def updated(self, newer: Facts) -> Facts:
        """These facts, with the sections of a later probe in their place."""
        return replace(self, sections={**self.sections, **newer.sections})

    def milliseconds(self, *names: str) -> int:
        """The time that the sections took on the machine (to 10 ms)."""
        return sum(self.sections[name].milliseconds for name in names if name in self.sections)

    def text(self, name: str, *, codes: tuple[int, ...] | None = (0,)) -> str:
        """What a section's command said; `codes` are the good exit codes, None takes any."""
        section = self.sections.get(name)
        if section is None:
            raise Failed(f"the probe ended before it came to `{name}`")
        silent = codes is None and not section.stdout.strip()
        if silent or (codes is not None and section.code not in codes):
            said = " ".join((section.stderr.strip() or section.stdout).split())
            raise Failed(f"`{name}` ended with exit code {section.code}: {said or 'no word'}")
        return section.stdout.strip()

    @property
    def state(self) -> str:
        """The state of the system, `running` when all is well; other states have other codes."""
        return self.text("state", codes=None).splitlines()[0]

    @property
    def addresses(self) -> list[Address]:
        """The addresses of all interfaces; read from the text, for busybox has no `ip -j`."""
        found = []
        interface = ""
        for line in self.text("addresses").splitlines():
            if link := re.match(r"\d+: ([^:@]+)", line):
                interface = link[1]
            elif address := re.match(r"\s+inet6? ([^\s/]+)(.*)", line):
                dynamic = "dynamic" in address[2].split()
                found.append(Address(interface, address[1], dynamic, None))
            elif found and (life := re.match(r"\s+valid_lft (\d+)sec", line)):
                found[-1] = replace(found[-1], lifetime=int(life[1]))
        if not found:
            raise Failed(f"`ip addr` cannot be read: {self.text('addresses') or 'no word'}")
        return found

    @property
    def listeners(self) -> list[Listener]:
        """The TCP and UDP sockets that wait for somebody."""
        found = []
        for line in self.text("listeners").splitlines():
            words = line.split(maxsplit=6)
            if len(words) < 6:
                raise Failed(f"`ss` cannot be read: {line}")
            address, _, port = words[4].rpartition(":")
            who = re.search(r'"([^"]+)"', words[6]) if len(words) > 6 else None
            if not port.isdigit() or words[0] not in PROTOCOLS:
                raise Failed(f"`ss` cannot be read: {line}")
            found.append(Listener(words[0], address, int(port), who[1] if who else ""))
        return found

    @property
    def root_mib(self) -> int:
        """The size of the root file system in MiB."""
        found = re.search(r"^\S+\s+(\d+)\s+\d+\s+\d+\s+\d+%\s+/$", self.text("root"), re.MULTILINE)
        if not found:
            raise Failed(f"`df` cannot be read: {self.text('root')}")
        return int(found[1]) // 1024

    @property
    def pool_mib(self) -> int | None:
        """The size of the ZFS pool that the root is in, in MiB; None where it is on no ZFS."""
        found = re.search(r"^(\d+)$", self.text("root"), re.MULTILINE)
        return int(found[1]) // 1024**2 if found else None

    @property
    def failed_units(self) -> list[str]:
        """The names of the units that have failed."""
        return [line.split()[0] for line in self.text("failed").splitlines() if line.strip()]

    @property
    def reasons(self) -> str:
        """What the failed units said last, in one line; empty where nothing is known."""
        section = self.sections.get("reasons")
        lines = section.stdout.splitlines() if section else []
        return " / ".join(line.strip() for line in lines if line.strip())

    @cached_property
    def nft(self) -> dict[str, Firewall]:
        """What nftables lets in, by family (`ip`, `ip6`); empty where nft cannot tell."""
        try:
            return nftables.firewalls(self.text("nft"))
        except (Failed, nftables.ForeignError):
            return {}

    def firewall(self, family: str) -> Firewall:
        """What the firewall lets in for `ip` or `ip6`: nftables, or iptables where nft has none."""
        if self.nft:
            return self.nft[family]
        try:
            return iptables.firewall(self.text("iptables" if family == "ip" else "ip6tables"))
        except Failed as failed:
            raise Failed(f"no nftables rules refuse anything, and {failed}") from failed


def probe(machine: str, shell: Shell, *sections: str) -> Facts:
    """Run the script on a machine, whole or only some sections. Raises CommandError."""
    result = shell.run(command(*sections), stdin=PROBE, timeout=SECONDS, check=False)
    found = parse(result.stdout, result.stderr)
    if not found.sections:
        said = result.stderr.strip() or result.stdout.strip() or "it said nothing"
        raise CommandError(
            f"{machine}: the probe script did not run (exit code {result.code}): {said}",
            result.code,
            result.stderr,
        )
    return found


def parse(stdout: str, stderr: str) -> Facts:
    """Take apart what probe.sh wrote; a section without its end is left out."""
    errors = {name: text for name, text, _, _ in _framed(stderr)}
    return Facts(
        {
            name: Section(code, text, errors.get(name, ""), milliseconds)
            for name, text, code, milliseconds in _framed(stdout)
        },
        refusal=" ".join(stderr.partition("@@@ ")[0].split()),
    )


def _framed(stream: str) -> list[tuple[str, str, int, int]]:
    """(section, text, exit code, milliseconds) for each one that has an end."""
    found = []
    begun, since, lines = "", 0.0, list[str]()
    for line in stream.splitlines():
        mark = MARK.fullmatch(line)
        if not mark:
            lines.append(line)
        elif mark[1] == "begin":
            begun, since, lines = mark[2], float(mark[3]), []
        elif mark[2] == begun:
            took = round((float(mark[3]) - since) * 1000)
            found.append((begun, "\n".join(lines).strip("\n"), int(mark[4]), took))
            begun = ""
    return found
