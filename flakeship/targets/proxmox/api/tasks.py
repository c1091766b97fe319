"""Tasks: what Proxmox VE does after a call has answered. A call that succeeds may fail in here."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import one_line
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox.api import errors
from flakeship.targets.proxmox.api.answers import Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError

log = logging.getLogger(__name__)

UPID = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9-]{1,63}):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:\S{3,200}:"
)
VISIBLE = 10.0  # seconds after which a task that was started is known to its node
READ = 10_000  # lines of a log that are read: a large import writes a line for each per cent
SHOWN = 12  # of them, the last ones: the reason is at the end


@dataclass(frozen=True)
class Status:
    """The answer of a task's `status`: `running`, or `stopped` with the way it ended."""

    status: Words
    exitstatus: Words = ""


@dataclass(frozen=True)
class Line:
    """A line of a task's log."""

    t: Words = ""


def finish(api: Api, upid: object, what: str, seconds: float) -> None:
    """Wait for the end of a task; `what` it does begins the sentence of an error.

    `upid` is what the call that started it has answered. Raises FlakeshipError: task-failed with
    the end of its log, task-unfinished after so many `seconds`; and ApiError.
    """
    found = UPID.fullmatch(upid) if isinstance(upid, str) else None
    if found is None:
        raise errors.unreadable(what, "no UPID of a task", api.login)
    task = ("nodes", found["node"], "tasks", found[0])
    ended = _ended(api, task, what, seconds)
    if ended == "OK":
        return
    lines = _log(api, task)
    if ended.startswith("WARNINGS"):
        warnings = [line for line in lines if line.startswith("WARN")]
        log.info("%s ended with warnings: %s", what, one_line(" ".join(warnings) or ended))
        return
    raise FlakeshipError(
        f"{what} failed on {found['node']}: {one_line(ended) or 'no reason given'}",
        code="task-failed",
        key=api.login.endpoint,
        remedy=f"its whole log is on that node: `pvenode task log '{found[0]}'`",
        details=[f"  {one_line(line)}" for line in lines[-SHOWN:]],
    )


def _ended(api: Api, task: Sequence[str], what: str, seconds: float) -> str:
    """The way a task has ended; a node that does not answer for a while is asked again."""
    failure: ApiError | None = None
    for left in backoff(seconds, first=0.2, most=2.0):
        try:
            found = api.get(Status, *task, "status")
        except ApiError as error:
            unknown = error.status == 400 and seconds - left < VISIBLE
            if not (error.passing or unknown):
                raise
            failure = error
        else:
            if found.status == "stopped":
                return found.exitstatus
            failure = None
    if failure:
        raise failure
    raise FlakeshipError(
        f"{what} is not done after {seconds:.0f} s on {task[1]}",
        code="task-unfinished",
        key=api.login.endpoint,
        remedy=f"it goes on there: `pvenode task log '{task[-1]}'` shows how far it is; run this "
        "again when it is done",
    )


def _log(api: Api, task: Sequence[str]) -> list[str]:
    """The lines of a task's log; none where it cannot be read: the way it ended is known."""
    try:
        return [line.t for line in api.get(list[Line], *task, "log", limit=READ)]
    except ApiError as error:
        log.debug("the log of a task: %s", error)
        return []
