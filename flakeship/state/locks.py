"""Pulumi's lock on a stack, in a backend of one's own: whose it is, and whether its owner lives.

A run writes a file with its process id, user, host and time below `.pulumi/locks`, and removes it
at its end. A run that was killed leaves it. The service of Pulumi has locks of another kind, which
name no owner.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from flakeship.model.errors import FlakeshipError, shown
from flakeship.state import backend, choice
from flakeship.system import files, processes

FOLDER = f"{backend.LOCKS}/organization"
HIGHEST = 2**22  # the largest process id that Linux gives
LOCKED = ("currently locked by", "Another update is currently in progress")  # as Pulumi says it
SLACK = 2.0  # seconds between a start and a lock by which clocks of the kernel may differ
PULUMI = "pulumi"  # is in the name of its processes
TOLD = re.compile(r"created by ([^\n]*)@([^\n@]+) \(pid (\d{1,10})\) at ([0-9T:.Z+-]+)(?=\n|$)")
NEVER = datetime.min.replace(tzinfo=UTC)


class Owner(Enum):
    """What is known of the process that took a lock."""

    RUNNING = auto()
    GONE = auto()
    UNKNOWN = auto()
    """It may be on another host or in another container, or the lock does not name it."""


@dataclass(frozen=True)
class Lock:
    """A lock; one that cannot be read has no host, and one that Pulumi has told of no file."""

    pid: int = 0
    user: str = ""
    host: str = ""
    since: datetime = NEVER
    file: Path | None = None

    @property
    def owner(self) -> Owner:
        """Whether the process lives, as far as that can be known here."""
        if self.host != socket.gethostname():
            return Owner.UNKNOWN
        process = processes.find(self.pid)
        if process is None:
            runs = processes.may_run(self.pid)
        else:
            # the id may have another process by now: one that began after the lock, and is no
            # Pulumi. Both, because the clock may have been set since
            later = process.started > self.since.timestamp() + SLACK
            runs = not later or PULUMI in process.name
        if runs:
            return Owner.RUNNING
        return Owner.GONE if self._is_of_here() else Owner.UNKNOWN

    def _is_of_here(self) -> bool:
        """Whether the process certainly ran where this one runs: host names are not unique."""
        # a backend that is no folder is shared by many hosts, and a container has ids of its own
        if self.file is None or not processes.all_are_seen():
            return False
        return not any(
            PULUMI in each.name and each.inner_pid == self.pid for each in processes.running()
        )

    def __str__(self) -> str:
        """The process, where it is, and since when."""
        if not self.host:
            return "a run that the lock does not name"
        here = "this workstation" if self.host == socket.gethostname() else shown(self.host)
        when = self.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} of {shown(self.user)} on {here}, since {when}"


class LockedError(FlakeshipError):
    """A stack is locked. `locks` are those that are known, and may be none."""

    code = "stack-locked"
    locks: Sequence[Lock] = ()


def held(stack: str, env: Mapping[str, str], project: Path) -> list[Lock] | None:
    """The locks of a stack; None where its backend is no folder that the environment names.

    `project` is the project's directory.
    """
    folder = directory(env.get("PULUMI_BACKEND_URL", ""))
    if folder is None:
        return None
    own = folder / FOLDER / choice.project(project) / choice.own_name(stack)
    return [parsed(file) for file in sorted(own.glob("*.json"))]


def directory(url: str) -> Path | None:
    """The folder that a backend is; None for another kind of backend."""
    path = backend.folder(url)
    return None if path is None else Path(path).absolute()


def parsed(file: Path) -> Lock:
    """The lock in a file, whatever is in it."""
    try:
        found = json.loads(files.read(file))
        lock = _lock(found["pid"], found["username"], found["hostname"], found["timestamp"])
    except (FlakeshipError, ValueError, TypeError, KeyError, RecursionError):
        lock = Lock()
    return replace(lock, file=file)


def is_locked(message: str) -> bool:
    """Whether a message of Pulumi's says that another run has the stack."""
    return any(each in message for each in LOCKED)


def told(message: str) -> list[Lock]:
    """The locks that a message of Pulumi's names."""
    return [_lock(int(pid), user, host, since) for user, host, pid, since in TOLD.findall(message)]


def _lock(pid: object, user: object, host: object, since: object) -> Lock:
    try:
        when = datetime.fromisoformat(str(since)).astimezone(UTC)
    except (ValueError, OverflowError):
        return Lock()
    if not isinstance(pid, int) or not 0 < pid <= HIGHEST:
        return Lock()
    return Lock(pid, str(user), str(host), when)


def refusal(stack: str, found: Sequence[Lock], message: str = "", command: str = "") -> LockedError:
    """The error of a stack with locks. `message` is Pulumi's, where it names no owner.

    `command` ends a lock without an owner: `flakeship recover`, or what calls it.
    """
    command = command or f"flakeship --stack {stack} recover"
    states = {each.owner for each in found}
    named = "; ".join(map(str, found))
    if Owner.RUNNING in states:
        living = next(each for each in found if each.owner is Owner.RUNNING)
        what = f"a run is under way: {named}"
        remedy = f"wait for its end, or interrupt it: `kill -INT {living.pid}`"
    elif states == {Owner.GONE}:
        what = f"it is locked by a run that was killed ({named}, is gone)"
        remedy = f"`{command}` removes the lock and what the run has left half done"
    else:
        what = f"it is locked, and its owner cannot be seen from here: {named or message}"
        remedy = (
            "wait for its end. Where it was killed, run `flakeship recover` on its host, or "
            f"`flakeship --stack {stack} recover --break-lock` here: if it lives after all, two "
            "runs write one state"
        )
    error = LockedError(what, key=f"stack {stack}", remedy=remedy)
    error.locks = tuple(found)
    return error
