"""Removing what exists only for a while, whatever happens: nobody else will do it."""

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
    """Delete an object, again and again until that works; with `wait`, see it gone.

    Raises FlakeshipError with the command that removes it by hand.
    """
    last = "it is still there"
    asked = False
    for _ in backoff(PATIENCE, first=0.3):
        try:
            if not asked:
                rest.ask(service, "DELETE", path)
                asked = True
            if not wait:
                return
            rest.ask(service, "GET", path)
        except NotFoundException:
            return
        except (SDKException, ClientException) as error:
            last = errors.answer(error)
    raise FlakeshipError(f"{what} could not be removed: {last}; try `{by_hand}`")
