"""The command `flakeship-address` of a machine, over SSH: nix/modules/service-address.sh."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.text import one_line
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint, as_root
from flakeship.system.dialogue import Dialogue
from flakeship.system.process import Result
from flakeship.targets.proxmox.requests import ActiveMachine

COMMAND = "/run/current-system/sw/bin/flakeship-address"
LOGIN_SECONDS = 20.0
SECONDS = 60.0
FREE, HERE = "free", "here"
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
UNSUPPORTED = "the machine has no command flakeship-address"


@dataclass(frozen=True)
class Shown:
    """The service address that a machine keeps, and the MAC address where it is in use."""

    stored: str = ""
    mac: str = ""


class Runner(Protocol):
    """What runs commands on a machine; see Connection."""

    def run(self, command: str, *, timeout: float = 60.0) -> Result:
        """Run a command line. Raises CommandError."""


class Shell(Runner, Protocol):
    """A login on a machine; see Connection."""

    def start(self, command: str, name: str) -> AbstractContextManager[Dialogue]:
        """Start one that goes on. Raises CommandError."""


@contextmanager
def login(machine: ActiveMachine, address: str = "") -> Iterator[Shell]:
    """Log in to a machine that is up with its pinned host keys, at its own or another address.

    Raises one of flakeship/ssh/errors.py.
    """
    own = machine.endpoint
    at = Endpoint(own.name, address or own.address, own.port, own.user, own.identity)
    with Connection(at, machine.host_keys) as connection:
        connection.connect(LOGIN_SECONDS, up=True)
        yield connection


def ask(shell: Runner, machine: str, address: str) -> str:
    """Who has an address in the network of a machine: FREE, HERE, or a MAC address.

    Raises FlakeshipError (`service-address-failed`, `service-address-unsupported`), as all of them.
    """
    answer = _run(shell, machine, "ask", address).strip()
    if answer not in {FREE, HERE} and not MAC.fullmatch(answer):
        raise _failure(machine, "ask", f"it is no answer: {one_line(answer)}")
    return answer


def take(shell: Runner, machine: str, address: str) -> None:
    """Add an address to a machine, announce it, and keep it; another service address goes."""
    _run(shell, machine, "set", address)


def drop(shell: Runner, machine: str) -> None:
    """Take the service address off a machine, if it has one, and let it forget it."""
    _run(shell, machine, "drop")


def show(shell: Runner, machine: str) -> Shown:
    """The service address that a machine has."""
    lines = [line.split() for line in _run(shell, machine, "show").splitlines()]
    found = {words[0]: words[-1] for words in lines if words}
    return Shown(found.get("stored", ""), found.get(HERE, ""))


class Prepared:
    """A `take` or `drop` that is ready to be done at once: it takes milliseconds then."""

    def __init__(self, dialogue: Dialogue, machine: str, what: str) -> None:
        self._dialogue, self._machine, self._what = dialogue, machine, what
        self._hear("ready")

    def go(self) -> None:
        """Do it: the address has moved when this returns."""
        self._dialogue.say("go")
        self._hear("done")

    def finish(self) -> None:
        """Wait until it is also announced and stored."""
        try:
            self._dialogue.finish(SECONDS)
        except CommandError as error:
            raise _command_failure(self._machine, self._what, error) from error

    def _hear(self, wanted: str) -> None:
        try:
            line = self._dialogue.hear(SECONDS)
        except CommandError as error:
            raise _command_failure(self._machine, self._what, error) from error
        if line != wanted:
            why = f"it said {one_line(line)} in the place of {wanted}"
            raise _failure(self._machine, self._what, why)


@contextmanager
def prepared(shell: Shell, machine: str, *words: str) -> Iterator[Prepared]:
    """Prepare `set ADDRESS` or `drop`; a block that ends before `go` leaves all as it was."""
    command = as_root(shlex.join([COMMAND, *words, "wait"]))
    with shell.start(command, f"`flakeship-address {words[0]}`") as dialogue:
        yield Prepared(dialogue, machine, words[0])


def _run(shell: Runner, machine: str, *words: str) -> str:
    try:
        result = shell.run(as_root(shlex.join([COMMAND, *words])), timeout=SECONDS)
    except CommandError as error:
        raise _command_failure(machine, words[0], error) from error
    return result.stdout


def _command_failure(machine: str, what: str, error: CommandError) -> FlakeshipError:
    return _failure(machine, what, one_line(error.stderr) or error.what)


def _failure(machine: str, what: str, why: str) -> FlakeshipError:
    if "command not found" in why:
        return FlakeshipError(
            UNSUPPORTED,
            code="service-address-unsupported",
            key=machine,
            remedy="import flakeship.nixosModules.default in its host, which brings it, and build "
            "a new release",
        )
    return FlakeshipError(
        f"`flakeship-address {what}` failed: {why}", code="service-address-failed", key=machine
    )
