"""Tasks: work that a request starts and does not wait for, with a log and an end."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dev.proxmox.errors import PveError, invalid
from dev.proxmox.faults import Faults
from flakeship.model.errors import FlakeshipError

log = logging.getLogger(__name__)

UPID = re.compile(r"UPID:([a-zA-Z0-9-]+):([0-9A-F]{8}):([0-9A-F]{8,9}):([0-9A-F]{8})"
                  r":([^:\s]+):([^:\s]*):([^:\s]+):")  # fmt: skip
FIRST = 0x250  # the process number of the first task
Log = Callable[[str], None]


@dataclass
class Task:
    """One task; `exitstatus` is empty while it runs."""

    upid: str
    node: str
    number: int
    age: int
    started: int
    kind: str
    ident: str
    who: str
    lines: list[str] = field(default_factory=list)
    exitstatus: str = ""
    ended: int = 0

    def shown(self) -> dict[str, Any]:
        """What all answers about tasks have."""
        user, _, token = self.who.partition("!")
        return {
            "upid": self.upid, "node": self.node, "pid": self.number, "pstart": self.age,
            "starttime": self.started, "type": self.kind, "id": self.ident, "user": user,
        } | ({"tokenid": token} if token else {})  # fmt: skip

    def status(self) -> dict[str, Any]:
        """The answer of `status`."""
        if not self.ended:
            return self.shown() | {"status": "running"}
        return self.shown() | {"status": "stopped", "exitstatus": self.exitstatus}


class Tasks:
    """The tasks of a lab since it was started; `seconds` is how long each takes at least."""

    def __init__(self, faults: Faults, seconds: float) -> None:
        self._faults = faults
        self._seconds = seconds
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def start(self, node: str, kind: str, ident: str, who: str,  # noqa: PLR0917 # a task is that
              work: Callable[[Log], None],
              undo: Callable[[PveError], object] = lambda _: None) -> str:  # fmt: skip
        """Start a task and return its UPID. `work` gets a function that writes to its log.

        `undo` is called in the place of `work` where a fault lets the task fail.
        """
        with self._lock:
            number, now = FIRST + len(self._tasks), int(time.time())
            age = int(time.monotonic() * 100) & 0xFFFFFFFF
            upid = f"UPID:{node}:{number:08X}:{age:08X}:{now:08X}:{kind}:{ident}:{who}:"
            task = self._tasks[upid] = Task(upid, node, number, age, now, kind, ident, who)
        threading.Thread(target=self._run, args=(task, work, undo), name=upid, daemon=True).start()
        return upid

    def find(self, upid: str) -> Task:
        """A task by its UPID. Raises PveError (400)."""
        if not UPID.fullmatch(upid):
            raise invalid({"upid": "unable to parse worker upid"})
        if upid not in self._tasks:
            raise invalid({"upid": "no such task"})
        return self._tasks[upid]

    def _run(self, task: Task, work: Callable[[Log], None],
             undo: Callable[[PveError], object]) -> None:  # fmt: skip
        try:
            try:
                self._suffer(task)
            except PveError as fault:
                undo(fault)
                raise
            work(task.lines.append)
        except (PveError, FlakeshipError, OSError) as error:
            text = error.message if isinstance(error, PveError) else str(error)
            self._end(task, text, f"TASK ERROR: {text}")
        except Exception:
            log.exception("%s", task.upid)
            self._end(task, "unexpected status", "TASK ERROR: the lab has a fault, see its log")
        else:
            count = sum(line.startswith("WARN:") for line in task.lines)
            end = f"WARNINGS: {count}" if count else "OK"
            self._end(task, end, f"TASK {end}")

    def _suffer(self, task: Task) -> None:
        """Let a fault happen to a task, and let it take its time. Raises PveError."""
        fault = self._faults.task(task.kind)
        time.sleep(float(fault.get("seconds", self._seconds)))
        if "warning" in fault:
            task.lines.append(f"WARN: {fault['warning']}")
        if "error" in fault:
            raise PveError(fault["error"])

    def _end(self, task: Task, exitstatus: str, line: str) -> None:
        task.lines.append(line)
        task.exitstatus, task.ended = exitstatus, int(time.time())
