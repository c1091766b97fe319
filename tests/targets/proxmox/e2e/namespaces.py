"""Machines as network namespaces at one bridge, in which flakeship-address runs for real."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError
from flakeship.system.dialogue import Dialogue, dialogue
from flakeship.system.process import Result, run
from flakeship.targets.proxmox.requests import ActiveMachine
from tests.project import ROOT
from tests.targets.proxmox.unit.guests import words

SCRIPT = ROOT / "nix/modules/service-address.sh"
# as the appliance runs it, and as nixpkgs' writeShellApplication does
SHELLS = {
    "sh": ["sh"],
    "bash": ["bash", "-o", "errexit", "-o", "nounset", "-o", "pipefail"],
}
UNUSABLE = "network namespaces need root, and `ip` and `flock`"


def usable() -> bool:
    """Whether namespaces can be made here."""
    name = f"fs-{os.getpid()}-try"
    try:
        run(["ip", "netns", "add", name])
        run(["ip", "netns", "delete", name])
        run(["flock", "--version"])
    except CommandError:
        return False
    return True


@dataclass(frozen=True)
class Namespace:
    """A machine: its interface eth0 has 10.77.0.<number>/24 and fd77::<number>/64."""

    name: str
    number: int
    folder: Path
    shell: Sequence[str]

    def run(self, command: str, *, timeout: float = 60.0) -> Result:
        """A login on it, where root runs a command with sudo."""
        return run(self.argv(*words(command)), timeout=timeout)

    def start(self, command: str, name: str) -> AbstractContextManager[Dialogue]:
        """The same for a command that goes on."""
        return dialogue(self.argv(*words(command)), name)

    def argv(self, *words: str) -> list[str]:
        """The command line of flakeship-address."""
        path = f"PATH={self.folder}/bin:{os.environ['PATH']}"
        own = ["env", f"FLAKESHIP_FOLDER={self.folder}/state", path, *self.shell, str(SCRIPT)]
        return ["ip", "netns", "exec", self.name, *own, *words]

    def address(self, *words: str) -> str:
        """What flakeship-address prints."""
        return run(self.argv(*words), timeout=30.0).stdout.strip()

    def ip(self, *words: str) -> str:
        """What ip prints."""
        return run(["ip", "-n", self.name, *words]).stdout.strip()

    @property
    def stored(self) -> Path:
        """The file with the address that it keeps."""
        return self.folder / "state/service-address"

    @property
    def mac(self) -> str:
        """Its MAC address."""
        words = self.ip("-o", "link", "show", "dev", "eth0").split()
        return words[words.index("link/ether") + 1]

    def has(self, address: str) -> bool:
        """Whether an address is in use on it."""
        return bool(self.ip("-o", "addr", "show", "to", address.partition("/")[0]))

    def neighbour(self, address: str, *, ask: bool = False) -> str:
        """The MAC address that it takes an address for, as it is or asked for now."""
        plain = address.partition("/")[0]
        if ask:
            self.ip("neigh", "replace", plain, "dev", "eth0", "use")
            run(["sleep", "0.5"])
        words = self.ip("-o", "neigh", "show", "to", plain).split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else ""

    def machine(self) -> ActiveMachine:
        """It as a machine of the server web."""
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleQ"
        return ActiveMachine(
            self.name, 9000 + self.number, [], f"10.77.0.{self.number}", "nixos", "", [key]
        )


@contextmanager
def machines(folder: Path, count: int, shell: Sequence[str]) -> Iterator[list[Namespace]]:
    """So many of them, at one bridge."""
    own = f"fs-{os.getpid()}"
    bridge, made = f"{own}-0", []
    try:
        run(["ip", "netns", "add", bridge])
        run(["ip", "-n", bridge, "link", "add", "br0", "type", "bridge"])
        run(["ip", "-n", bridge, "link", "set", "br0", "up"])
        for number in range(1, count + 1):
            each = Namespace(f"{own}-{number}", number, folder / str(number), shell)
            made.append(each)
            _make(each, bridge)
        for each in made:
            _settle(each)
        yield made
    finally:
        for name in (bridge, *(each.name for each in made)):
            run(["ip", "netns", "delete", name], check=False)


def _make(each: Namespace, bridge: str) -> None:
    port = f"port{each.number}"
    (each.folder / "bin").mkdir(parents=True)
    systemctl = each.folder / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{each.folder}/systemctl\n')
    systemctl.chmod(0o755)
    run(["ip", "netns", "add", each.name])
    run(
        [
            "ip",
            "-n",
            bridge,
            "link",
            "add",
            port,
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            each.name,
        ]
    )
    run(["ip", "-n", bridge, "link", "set", port, "master", "br0", "up"])
    # no test waits for the kernel to ask for the machines' own addresses
    words = ["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad"]
    run(["ip", "netns", "exec", each.name, *words])
    each.ip("link", "set", "lo", "up")
    each.ip("addr", "add", f"10.77.0.{each.number}/24", "dev", "eth0")
    each.ip("addr", "add", f"fd77::{each.number}/64", "dev", "eth0", "nodad")
    each.ip("link", "set", "eth0", "up")


def _settle(each: Namespace) -> None:
    for _ in range(50):
        if each.ip("-6", "-o", "addr", "show", "dev", "eth0", "scope", "link", "-tentative"):
            return
        run(["sleep", "0.1"])
    raise AssertionError("no link-local address")
