"""Command lines: OpenSSH's with pinned host keys and no configuration of the user, and sudo's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import host_keys
from flakeship.system.files import expanded
from flakeship.system.tcp import bracketed

PLAIN = re.compile(r"[\w./+:@,=%-]*")  # needs no quotes in ssh_config
HANDSHAKE = 20  # seconds for a key exchange and login: ten slow guests may share two cores
UNATTENDED = {  # of a program's logins, not of a person's
    "BatchMode": "yes",
    "PreferredAuthentications": "publickey",
    "ConnectTimeout": str(HANDSHAKE),
}


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to log in."""

    name: str  # of the machine (HostKeyAlias)
    address: str
    port: int
    user: str
    identity: str = ""  # a private key file, perhaps with a `~`; empty: the agent and default keys


@dataclass(frozen=True)
class SshOptions:
    """One policy for every login on a machine, as arguments or as a part of an ssh_config file.

    The host keys are in the file `known_hosts` or, without one, on the command line; without either
    OpenSSH asks about the key. `proxy` is a command for a shell, whose input and output are the
    connection.
    """

    endpoint: Endpoint
    keys: Sequence[str] = ()
    known_hosts: Path | None = None
    proxy: str = ""

    @property
    def _settings(self) -> dict[str, str]:
        """By their names in ssh_config, without those that are arguments of ssh."""
        found = {
            "HostKeyAlias": self.endpoint.name,
            "UpdateHostKeys": "no",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
        }
        if self.known_hosts or self.keys:
            found["StrictHostKeyChecking"] = "yes"
            found["UserKnownHostsFile"] = quoted(self.known_hosts or Path("/dev/null"))
            found["GlobalKnownHostsFile"] = "/dev/null"
        if self.keys:
            usable = self.keys if self.known_hosts else self.keys[:1]
            found["HostKeyAlgorithms"] = host_keys.algorithms(usable)
        if self.keys and not self.known_hosts:
            found["KnownHostsCommand"] = f"/usr/bin/env echo {self.endpoint.name} {self.keys[0]}"
        if self.endpoint.identity:
            found["IdentitiesOnly"] = "yes"
            # -i looks for the file before it expands `%` in its name, and takes another one after
            found["IdentityFile"] = quoted(expanded(self.endpoint.identity))
        if self.proxy:
            found["ProxyCommand"] = self.proxy.replace("%", "%%")  # ssh expands it
        return found

    def argv(self) -> list[str]:
        """`ssh` and the arguments of a program's login, without the destination; it never asks."""
        return ["ssh", *self._arguments(UNATTENDED | self._settings), "-T"]

    def login(self) -> list[str]:
        """The command for a person to log in with."""
        destination = f"{self.endpoint.user}@{self.endpoint.address}"
        return ["ssh", *self._arguments(self._settings), destination]

    def command_line(self) -> str:
        """The same as text for a shell."""
        return shlex.join(self.login())

    def proxy_to(self, address: str, port: int) -> str:
        """A `proxy`: this login, with a connection from there to another address."""
        return through(self.login(), address, port)

    def config_block(self, host: str) -> str:
        """The entry `host` of an ssh_config file; paths in it should be absolute."""
        options = {
            "HostName": self.endpoint.address,
            "Port": str(self.endpoint.port),
            "User": self.endpoint.user,
            **self._settings,
        }
        return f"Host {host}\n" + "".join(f"  {key} {value}\n" for key, value in options.items())

    def _arguments(self, settings: dict[str, str]) -> list[str]:
        pairs = (word for key, value in settings.items() for word in ("-o", f"{key}={value}"))
        return ["-F", "/dev/null", "-p", str(self.endpoint.port), *pairs]


def through(login: Sequence[str], address: str, port: int) -> str:
    """A `proxy`: a connection from where a login leads to another address."""
    return shlex.join([*login, "-W", f"{bracketed(address)}:{port}"])


def quoted(path: Path, key: str = "path") -> str:
    """A path as a value in ssh_config. Raises FlakeshipError as `literal`."""
    text = literal(path, key)
    if PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def literal(path: Path, key: str = "path") -> str:
    """A path in which ssh expands nothing: it expands `%` and `~`, and variables like `${HOME}`.

    `key` is what names the path. Raises FlakeshipError (`path-unusable`) for a variable, which
    nothing escapes, and for control characters, which nothing can quote.
    """
    text = str(path)
    if "${" in text or not text.isprintable():
        raise FlakeshipError(
            "ssh cannot be given this path",
            code="path-unusable",
            key=key,
            given=repr(text[:80]),
            allowed="printable characters without ${",
            remedy="rename the file, or the directory that it is in",
        )
    return ("./" if text.startswith("~") else "") + text.replace("%", "%%")


def unquoted(value: str) -> str:
    """The path of a value in ssh_config."""
    if value.startswith('"'):
        value = re.sub(r'\\([\\"])', r"\1", value[1:-1])
    return value.replace("%%", "%")


def as_root(command: str, *, or_as_user: bool = False) -> str:
    """A command line for any login shell that runs a command as root, without a password.

    NixOS has sudo where a login that runs one command does not look. With `or_as_user` the command
    runs as the user where sudo refuses, which leaves standard input as it is.
    """
    script = f"PATH=$PATH:/run/wrappers/bin; sudo -n {command}"
    return f"sh -c {shlex.quote(f'{script} || {command}' if or_as_user else script)}"
