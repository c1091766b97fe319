"""The stable names of a stack's servers: an ssh_config file with a known_hosts file beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from flakeship.ssh import host_keys
from flakeship.ssh.options import Endpoint, SshOptions, quoted, unquoted
from flakeship.system.files import expanded, locked, read, tidy, write
from flakeship.system.tcp import LOOPBACK

KNOWN_HOSTS = "known_hosts"
_HEADER = "# Written by flakeship at each cutover.\n"


@dataclass(frozen=True)
class SshHost:
    """A server's entry, with the host port of its active machine's SSH.

    `identity` is a private key file; empty: the keys of the user's agent.
    """

    server: str
    machine: str
    port: int
    user: str
    identity: str
    host_keys: tuple[str, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        """Where and as whom to log in to the machine."""
        return Endpoint(self.machine, LOOPBACK, self.port, self.user, self.identity)


def block(host: SshHost, config: Path, checkout: Path) -> str:
    """The text of a server's entry in a file, with absolute paths below `checkout`."""
    identity = str(checkout / expanded(host.identity)) if host.identity else ""
    endpoint = replace(host.endpoint, identity=identity)
    known_hosts = checkout / config.with_name(KNOWN_HOSTS)
    return SshOptions(endpoint, known_hosts=known_hosts).config_block(host.server)


def blocks(config: Path) -> dict[str, str]:
    """The text of each entry in a file. Raises FlakeshipError (`state-unreadable`)."""
    parts = re.split(r"^(?=Host |Match )", read(config), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("Host "): f"{part.strip()}\n" for part in parts}


def hosts(config: Path) -> dict[str, SshHost]:
    """The servers' entries of a file; not those that a person has added, or that are cut off.

    Raises FlakeshipError (`state-unreadable`).
    """
    keys = [line.partition(" ") for line in read(config.with_name(KNOWN_HOSTS)).splitlines()]
    found = {}
    for server, text in blocks(config).items():
        options = dict(line.strip().partition(" ")[::2] for line in text.splitlines()[1:])
        machine, port, user = (options.get(key, "") for key in ("HostKeyAlias", "Port", "User"))
        if machine and user and re.fullmatch("[1-9][0-9]{0,4}", port):
            found[server] = SshHost(
                server,
                machine,
                int(port),
                user,
                unquoted(options.get("IdentityFile", "")),
                tuple(key for alias, _, key in keys if alias == machine),
            )
    return found


def is_moved(config: Path) -> bool:
    """Whether the checkout was moved after the file was written."""
    text, known_hosts = read(config), quoted(Path.cwd() / config.with_name(KNOWN_HOSTS))
    return bool(text) and f"UserKnownHostsFile {known_hosts}\n" not in text


def put(config: Path, host: SshHost) -> None:
    """Add or replace a server's entry."""
    with locked(config.parent):
        _save(config, hosts(config) | {host.server: host}, host.server)


def remove(config: Path, server: str) -> None:
    """Remove a server's entry, and with the last one the files."""
    with locked(config.parent):
        left = {name: host for name, host in hosts(config).items() if name != server}
        _save(config, left, server)
    tidy(config.parent)


def _save(config: Path, entries: dict[str, SshHost], changed: str) -> None:
    """Write the entries; those of a person stay behind them, except for the changed server's."""
    known_hosts = config.with_name(KNOWN_HOSTS)
    others = [text for name, text in blocks(config).items() if name not in {changed, *entries}]
    if not entries and not others:
        config.unlink(missing_ok=True)
        known_hosts.unlink(missing_ok=True)
        return
    ordered = sorted(entries.values(), key=lambda host: host.server)
    keys = "".join(host_keys.known_hosts(host.machine, host.host_keys) for host in ordered)
    # Every machine in the file has its keys at any moment: add the new, then remove the old.
    write(known_hosts, keys + read(known_hosts))
    own = [block(host, config, Path.cwd()) for host in ordered]
    write(config, "\n".join([_HEADER, *own, *others]))
    write(known_hosts, keys)
