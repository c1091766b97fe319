"""What Nova tells of a server: its console, and why it could not be made."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.model.text import clean
from flakeship.rollout.ownership import STACK
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.functions import FindServerRequest, FoundServer
from flakeship.targets.openstack.requests import STARTS

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

STARTING = 120.0  # seconds for a server that was stopped to run; its checks tell what is wrong then
CREATION = 600.0
"""Seconds for Nova to create a server: the first one of an image waits for its copy."""
BEING_CREATED = "BUILD"
"""Nova's status of a server that it creates."""

SILENCE = 30.0  # seconds between two lines about a server that is not there yet
LOOK = 1.0  # seconds between two looks at it: it boots for longer once it is there
PACE = 0.5  # seconds between two readings of a console: a hypervisor is asked for each

TASK = "OS-EXT-STS:task_state"  # empty while nothing is done with a server
CONFLICT = 409
"""Nova's status code for a server that is not ready."""


def server(compute: Proxy, number: str) -> dict[str, Any]:
    """A server as Nova has it. Raises what rest.call does."""
    found: dict[str, Any] = rest.call(compute, "GET", f"/servers/{number}")["server"]
    return found


def failure(name: str, found: Mapping[str, Any], cloud: str) -> FlakeshipError:
    """The error about a server that is in ERROR, with Nova's own words."""
    fault = (found.get("fault") or {}).get("message", "").rstrip(". ") or "without a reason"
    show = client(cloud, f"server show {found['id']}")
    return FlakeshipError(
        f"is in ERROR in Nova: {fault}",
        code="server-error",
        key=name,
        remedy=f"`{show}` shows more; free or ask for what is missing, and run again",
    )


def find_server(request: FindServerRequest) -> FoundServer:
    """The stack's newest server of a name that is none of the others. Raises FlakeshipError."""
    name = request.name

    def sought(found: Mapping[str, Any]) -> bool:
        return found["metadata"].get(STACK) == request.stack and found["id"] not in request.others

    with connected(request.cloud) as connection:
        compute = rest.client(connection, "compute")
        query = {"name": f"^{re.escape(name)}$", "sort_key": "created_at", "sort_dir": "desc"}
        named = rest.list_all(compute, "/servers/detail", "servers", query)
        found = next(filter(sought, named), None)
        if found is None:
            return FoundServer()
        told = ""
        if found["status"] == "ERROR":
            # the list does not always have the fault
            told = str(failure(name, server(compute, found["id"]), request.cloud))
    return FoundServer(found["id"], (found["image"] or {"id": ""})["id"], told)


def start(compute: Proxy, name: str, number: str) -> None:
    """Let a server run again that was stopped by hand, and wait for that. Raises as rest.call."""
    status = server(compute, number)["status"]
    if status not in STARTS:
        return
    log.info("%s: is %s in Nova; starting it", name, status)
    body: dict[str, object] = {STARTS[status]: None}

    def begin() -> bool:
        rest.call(compute, "POST", f"/servers/{number}/action", json=body)
        return True

    def begun() -> bool | None:
        """True where a start whose answer was lost is under way: Nova refuses a second one."""
        found = server(compute, number)
        return True if found.get(TASK) or found["status"] != status else None

    rest.create(f"the start of {name}", begin, begun)
    for answer in rest.poll(compute, f"/servers/{number}", STARTING, first=0.5):
        if answer["server"]["status"] not in STARTS:
            return


def await_creation(compute: Proxy, name: str, number: str, cloud: str) -> None:
    """Wait until Nova has created a server.

    Raises FlakeshipError where it cannot, and where that takes too long.
    """
    found: dict[str, Any] = {}
    told = time.monotonic()
    for answer in rest.poll(compute, f"/servers/{number}", CREATION, first=LOOK):
        found = answer["server"]
        if found["status"] == "ERROR":
            raise failure(name, found, cloud)
        if found["status"] != BEING_CREATED:
            return
        if time.monotonic() - told > SILENCE:
            told = time.monotonic()
            log.info("%s", describe(name, found, cloud))
    show = client(cloud, f"server show {number}")
    raise FlakeshipError(
        f"is still {found['status']} in Nova after {CREATION:.0f} s",
        code="server-not-created",
        key=name,
        remedy=f"`{show}` shows what it waits for; the hypervisors may be busy or down",
    )


def describe(name: str, found: Mapping[str, Any], cloud: str) -> str:
    """The state of a server in Nova, and since when it is there."""
    task = found.get(TASK)
    seconds = (datetime.now(UTC) - datetime.fromisoformat(found["created"])).total_seconds()
    show = client(cloud, f"server show {found['id']}")
    return (
        f"{name}: {found['status']}{f' ({task})' if task else ''} in Nova, created "
        f"{seconds:.0f} s ago; `{show}` shows more"
    )


class Console:
    """A server's console as Nova shows it: maybe only its end, and empty after a hard reboot."""

    pace = 5.0

    def __init__(self, compute: Proxy, number: str, cloud: str) -> None:
        self.name = client(cloud, f"console log show {number}")
        self._compute = compute
        self._path = f"/servers/{number}"
        self._text = ""
        self._at = -PACE

    def read(self) -> str:
        """Nova's text, or why there is none; the one before, where that is very recent."""
        if time.monotonic() - self._at < PACE:
            return self._text
        try:
            body: dict[str, object] = {"os-getConsoleOutput": {}}
            answer = rest.call(self._compute, "POST", f"{self._path}/action", json=body)
            self._text = clean((answer["output"] or "")[-MIB:])
        except (SDKException, ClientException) as error:
            reason = f"Nova does not show it: {errors.answer(error)}"
            if not self._passing(error):
                raise FlakeshipError(
                    reason,
                    code="console-unavailable",
                    remedy=f"`{self.name}` shows whether that lasts",
                ) from error
            self._text = self._text or reason
        self._at = time.monotonic()
        return self._text

    def _passing(self, error: Exception) -> bool:
        """Whether it may be shown later: a server that is being created or moved has none."""
        if not isinstance(error, NotFoundException):
            return errors.passing(error) or getattr(error, "status_code", None) == CONFLICT
        try:
            rest.call(self._compute, "GET", self._path)
        except (SDKException, ClientException) as failed:
            return errors.passing(failed)
        return True
