"""Deleting objects with retries: what exists for one verification is removed by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.targets.openstack.api import errors, rest

if TYPE_CHECKING:
    from openstack.proxy import Proxy

PATIENCE = 60.0
"""Seconds for one object; a server takes its time until its port is free."""


def delete(service: Proxy, path: str, what: str, by_hand: str, *, wait: bool = False) -> None:
    """Delete an object, with retries; with `wait` until it is gone.

    `what` names it for a person. Raises FlakeshipError (removal-failed) with `by_hand`, the command
    that removes it.
    """
    last = "it still exists"
    asked = False
    for _ in backoff(PATIENCE, first=0.3):
        try:
            if not asked:
                rest.call(service, "DELETE", path)
                asked = True
            if not wait:
                return
            rest.call(service, "GET", path)
        except NotFoundException:
            return
        except (SDKException, ClientException) as error:
            last = errors.answer(error)
    raise FlakeshipError(
        f"could not be removed: {last}", code="removal-failed", key=what, remedy=f"try `{by_hand}`"
    )
