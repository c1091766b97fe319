"""Machines in one network with the command flakeship-address, without any machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import cast

import pytest

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh.errors import HostKeyRefusedError, UnreachableError
from flakeship.system.dialogue import Dialogue
from flakeship.system.process import Result
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.cutover import guest
from flakeship.targets.proxmox.cutover.cutover import cut_over
from flakeship.targets.proxmox.requests import ActiveMachine, Cutover, CutoverRequest, DnsRecord
from flakeship.targets.proxmox.resources import Marks, tags

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleQ"
ADDRESS, OTHER = "10.7.0.9/24", "10.7.0.8/24"
OLD, NEW = "web-aaaa-0001", "web-aaaa-0002"


def machine(number: int) -> ActiveMachine:
    """A machine of the server web."""
    name = f"web-aaaa-{number:04}"
    marks = tags(9000 + number, Marks(stack="prod", machine=name))
    return ActiveMachine(name, 9000 + number, marks, f"10.7.0.{10 + number}", "nixos", "", [KEY])


def request(
    number: int, address: str = ADDRESS, access: Access | None = None, dns: DnsRecord | None = None
) -> CutoverRequest:
    """The cutover of web to a machine."""
    return CutoverRequest(access or Access(), "prod", "web", machine(number), address, dns)


def mac(name: str) -> str:
    """The MAC address of a machine."""
    return f"02:00:00:00:00:{int(name[-4:]):02x}"


@dataclass
class Network:
    """What each machine has stored and in use, and how commands changed that, in their order.

    `strangers` answer for an address. `broken` are commands of a machine that fail, `half` those
    that fail once they are done, `unready` those that cannot be prepared; `silent` machines let
    nobody in, and those that are `off` do not run.
    """

    stored: dict[str, str] = field(default_factory=dict)
    strangers: dict[str, str] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)
    half: set[tuple[str, str]] = field(default_factory=set)
    unready: set[tuple[str, str]] = field(default_factory=set)
    silent: dict[str, FlakeshipError] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)

    @contextmanager
    def login(self, at: ActiveMachine, address: str = "") -> Iterator[Machine]:
        """A login on the machine, or on the one that has the address."""
        if at.machine in self.off:
            raise UnreachableError("nothing answers", key=at.machine)
        if at.machine in self.silent:
            raise self.silent[at.machine]
        if any(address == each.partition("/")[0] for each in self.strangers):
            raise HostKeyRefusedError("shows another host key", key=address)
        if address and address not in {a.partition("/")[0] for a in self.stored.values()}:
            raise UnreachableError("nothing answers", key=address)
        yield Machine(self, at.machine)

    def holder(self, address: str) -> str:
        """The machine that has an address and runs."""
        found = [name for name, each in self.stored.items() if each == address]
        running = [name for name in found if name not in self.off]
        return running[0] if running else ""

    def put(self, name: str, address: str) -> None:
        """A machine gets an address: nobody else may have it."""
        assert self.holder(address) in {"", name}, "it is on two machines"
        assert address not in self.strangers
        if self.stored.get(name) != address:
            self.changes.append(f"{name} has {address}")
        self.stored[name] = address


@dataclass
class Machine:
    """A login on a machine."""

    network: Network
    name: str

    def run(self, command: str, *, timeout: float = 60.0) -> Result:
        """The command flakeship-address, as the module has it."""
        assert timeout > 0
        return Result(0, self.act(*words(command)), "")

    def start(self, command: str, name: str) -> AbstractContextManager[Dialogue]:
        """The same, when it is sent the line `go`."""
        *first, last = words(command)
        assert last == "wait"
        assert first[0] in name
        return nullcontext(cast("Dialogue", Prepared(self, first)))

    def act(self, *words: str) -> str:
        """What a command prints, with its faults."""
        if (self.name, words[0]) in self.network.broken:
            raise CommandError("it failed", 1, "flakeship-address: no")
        said = self.said(*words)
        if (self.name, words[0]) in self.network.half:
            raise CommandError("it did not end", None, code="command-timeout")
        return said

    def said(self, what: str, address: str = "") -> str:
        network, own = self.network, self.network.stored.get(self.name, "")
        match what:
            case "ask":
                holder = network.holder(address)
                if holder == self.name:
                    return "here\n"
                return f"{network.strangers.get(address) or (mac(holder) if holder else 'free')}\n"
            case "set":
                network.put(self.name, address)
            case "drop":
                if network.stored.pop(self.name, ""):
                    network.changes.append(f"{self.name} drops {own}")
            case "show" if own:
                return f"stored {own}\nhere eth0 {mac(self.name)}\n"
        return ""


@dataclass
class Prepared:
    """A command that waits for the line `go`."""

    machine: Machine
    words: list[str]
    gone: bool = False

    def hear(self, seconds: float) -> str:
        assert seconds > 0
        if (self.machine.name, self.words[0]) in self.machine.network.unready:
            raise CommandError("it ended", 1, "flakeship-address: no")
        if not self.gone:
            return "ready"
        self.machine.act(*self.words)
        return "done"

    def say(self, line: str) -> None:
        assert line == "go"
        self.gone = True

    def finish(self, seconds: float) -> None:
        assert self.gone
        assert seconds > 0


def words(command: str) -> list[str]:
    """What root's flakeship-address is called with in a command line."""
    found = shlex.split(shlex.split(command)[2].partition("sudo -n ")[2])
    assert found[0] == guest.COMMAND
    return found[1:]


def after(number: int, address: str = ADDRESS) -> str:
    """What a cutover to a machine has left."""
    reached = [address.partition("/")[0] or machine(number).address]
    return codec.dump(Cutover(machine(number), address, None, reached))


def refused(asked: CutoverRequest, previous: str) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        cut_over(asked, previous)
    return caught.value
