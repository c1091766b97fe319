"""`flakeship keys`: who can log in to the machines of each release, and which keys are here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flakeship.model.machine import MachineId
from flakeship.operate.actions import nothing_verified
from flakeship.release import access
from flakeship.ssh import login_keys
from flakeship.ssh.keys import OWN_KEY
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack, setting
from flakeship.system.files import expanded


@dataclass(frozen=True)
class KeyRow:
    """An authorized key, and the places on this workstation that have it."""

    fingerprint: str
    comment: str
    here: Sequence[str]


@dataclass(frozen=True)
class ReleaseKeys:
    """The keys of a release, and the servers with a machine of it: active ones, standby ones."""

    release: str
    running: Sequence[str]
    standby: Sequence[str]
    keys: Sequence[KeyRow]


def keys(stack: Stack) -> list[ReleaseKeys]:
    """Of each release of the ledger, newest first. Raises FlakeshipError without any."""
    if not stack.outputs.ledger:
        raise nothing_verified(stack)
    here, (running, standby) = _places(stack), _servers(stack)
    return [
        ReleaseKeys(
            record.name,
            running[record.name],
            standby[record.name],
            [
                KeyRow(key.fingerprint, key.comment, here.get(key.fingerprint, []))
                for key in record.release.keys
            ],
        )
        for record in stack.outputs.ledger
    ]


def _servers(stack: Stack) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """The servers by the release of their active machine, and by those of their standby ones."""
    servers = stack.outputs.servers
    active = {server.machine for server in servers.values()}
    running, standby = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for name, server in servers.items():
        running[server.release].append(name)
    for each in stack.of(VERIFICATION):
        of, release = MachineId.parse(each).server, access.release_of(stack.outputs, each)
        if each not in active and of in servers and release:
            standby[release.name].append(of)
    return running, standby


def _places(stack: Stack) -> Mapping[str, list[str]]:
    """Where each key that this workstation has is, by its fingerprint."""
    identity = setting(stack, "identity")
    named = [str(expanded(identity))] if identity else []
    found = defaultdict[str, list[str]](list)
    for file in dict.fromkeys([str(OWN_KEY), *named, *map(str, login_keys.DEFAULTS)]):
        for fingerprint in login_keys.usable([file]):
            found[fingerprint].append(file)
    for fingerprint in login_keys.of_agent():
        found[fingerprint].append(login_keys.AGENT)
    return found


def text(found: Sequence[ReleaseKeys]) -> str:
    """The tables of all releases, for a person."""
    lines: list[str] = []
    for each in found:
        used = [("running: ", each.running), ("standby: ", each.standby)]
        uses = [title + ", ".join(servers) for title, servers in used if servers]
        lines += ["", "; ".join([each.release, *uses])]
        width = max((len(key.comment) for key in each.keys), default=0)
        for key in each.keys:
            mark, where = ("✓", ", ".join(key.here)) if key.here else (" ", "not here")
            lines.append(f"  {mark} {key.fingerprint}  {key.comment:{width}}  {where}")
        if not each.keys:
            lines.append("  no keys are recorded: another Flakeship, or the flake itself, set them")
    return "\n".join(lines[1:])
