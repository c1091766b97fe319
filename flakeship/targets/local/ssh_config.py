"""The stable names of a stack's servers: an ssh_config file with a known_hosts file beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flakeship.ssh import host_keys
from flakeship.system.files import read, tidy, write
from flakeship.system.lock import locked
from flakeship.targets.local.host import LOOPBACK

KNOWN_HOSTS = "known_hosts"

_HEAD = "# Written by flakeship at each cut-over.\n"


@dataclass(frozen=True)
class Name:
    """A server's name and the machine it stands for; without `identity` it is the agent's keys."""

    server: str
    machine: str
    port: int
    user: str
    identity: str
    host_keys: tuple[str, ...]


def names(config: Path) -> dict[str, Name]:
    """The servers in a file."""
    known = read(config.with_name(KNOWN_HOSTS)).splitlines()
    found = {}
    for block in re.split(r"^Host ", read(config), flags=re.MULTILINE)[1:]:
        server, *lines = block.splitlines()
        given = dict(line.strip().partition(" ")[::2] for line in lines)
        machine = given["HostKeyAlias"]
        found[server] = Name(
            server,
            machine,
            int(given["Port"]),
            given["User"],
            _unquoted(given.get("IdentityFile", "")),
            tuple(key for alias, _, key in (k.partition(" ") for k in known) if alias == machine),
        )
    return found


def holds(config: Path, name: Name) -> bool:
    """Whether the files say just this, and know keys of the machine; which ones is not compared."""
    if _block(name, config.with_name(KNOWN_HOSTS)) not in read(config):
        return False
    return bool(names(config)[name.server].host_keys)


def is_moved(config: Path) -> bool:
    """Whether the file was written while this checkout was elsewhere."""
    text, here = read(config), _quoted(config.with_name(KNOWN_HOSTS))
    return bool(text) and f"UserKnownHostsFile {here}\n" not in text


def put(config: Path, name: Name) -> None:
    """Let a server's name stand for a machine."""
    with locked(config.parent):
        _save(config, names(config) | {name.server: name})


def drop(config: Path, server: str) -> None:
    """Take a server's name away; with the last one the files go."""
    with locked(config.parent):
        _save(config, {name: kept for name, kept in names(config).items() if name != server})
    tidy(config.parent)


def _save(config: Path, wanted: dict[str, Name]) -> None:
    known_hosts = config.with_name(KNOWN_HOSTS)
    if not wanted:
        config.unlink(missing_ok=True)
        known_hosts.unlink(missing_ok=True)
        return
    servers = sorted(wanted.values(), key=lambda name: name.server)
    keys = "".join(host_keys.known_hosts(each.machine, each.host_keys) for each in servers)
    # Never a name whose key is not known: the new keys come first, the old ones go last.
    write(known_hosts, keys + read(known_hosts))
    write(config, _HEAD + "".join(_block(each, known_hosts) for each in servers))
    write(known_hosts, keys)


def _block(name: Name, known_hosts: Path) -> str:
    options = {
        "HostName": LOOPBACK,
        "Port": str(name.port),
        "User": name.user,
        "HostKeyAlias": name.machine,
        "UserKnownHostsFile": _quoted(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
    }
    if name.identity:
        options["IdentityFile"] = _quoted(Path(name.identity).expanduser())
        options["IdentitiesOnly"] = "yes"
    lines = "".join(f"  {option} {value}\n" for option, value in options.items())
    return f"\nHost {name.server}\n{lines}"


def _quoted(path: Path) -> str:
    """A path for any working directory; ssh expands `%`."""
    return '"' + str(path.absolute()).replace("%", "%%") + '"'


def _unquoted(value: str) -> str:
    return value.strip('"').replace("%%", "%")
