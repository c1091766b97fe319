"""A server's console through Nova's API."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from flakeship.model.errors import FlakeshipError
from flakeship.system.log import clean
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.api.errors import client

if TYPE_CHECKING:
    from openstack.proxy import Proxy

PACE = 0.5
"""Seconds between two readings: a hypervisor is asked for each."""

CONFLICT = 409
"""Nova's status code for a server that is not ready."""


class Console:
    """A server's console as Nova shows it: maybe only its end, and empty after a hard reboot."""

    truncated = True

    def __init__(self, compute: Proxy, server: str, cloud: str) -> None:
        self.server = server
        self.cloud = cloud
        self._compute = compute
        self._text = ""
        self._at = -PACE

    @property
    def name(self) -> str:
        """The command that shows it."""
        return client(self.cloud, f"console log show {self.server}")

    def read(self) -> str:
        """Nova's text, or why there is none; the one before, where that is very recent."""
        if time.monotonic() - self._at < PACE:
            return self._text
        try:
            body: dict[str, object] = {"os-getConsoleOutput": {}}
            answer = rest.call(self._compute, "POST", f"/servers/{self.server}/action", json=body)
            self._text = clean(answer["output"] or "")
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
            rest.call(self._compute, "GET", f"/servers/{self.server}")
        except (SDKException, ClientException) as failure:
            return errors.passing(failure)
        return True
