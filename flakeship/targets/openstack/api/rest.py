"""Plain calls of a cloud's services that return JSON, each in the debug log.

An inspection is many lists: making the SDK's objects of the entries takes longer than the calls.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import LEAST, backoff
from flakeship.targets.openstack.api import errors
from flakeship.targets.openstack.api.patience import Wait

if TYPE_CHECKING:
    from keystoneauth1.identity import BaseIdentityPlugin
    from openstack.connection import Connection
    from openstack.proxy import Proxy

    from flakeship.targets.openstack.api.answers import Answer

log = logging.getLogger(__name__)

COMPUTE = "2.61"  # of 2018: the first that lists flavors with their extra specs
VERSIONS = {"compute": "v2.1", "image": "v2", "network": "v2.0", "block-storage": "v3"}
"""The versions in the services' addresses."""

EXPIRED = 401  # the status of a token that has
AT_ONCE = 16  # calls at a time: more than an inspection has lists
PAGE = 1000  # entries that are asked for at once; a cloud may give fewer
CREATING = 30.0  # seconds in which a create is tried again
PATIENCE = 60.0  # seconds to delete an object; a server takes its time until its port is free

_RENEWING = threading.Lock()

T = TypeVar("T")
Query = Mapping[str, str | list[str]]


class Options(TypedDict, total=False):
    """What else a call takes, as requests does."""

    json: object
    data: Iterable[bytes]
    headers: Mapping[str, str]
    timeout: float


def client(connection: Connection, service: str) -> Proxy:
    """One of the services in VERSIONS, at the version that we speak."""
    found = connection.config.get_session_client(service)
    # Neutron's and Glance's minor versions are of no interest: what we use is in all of them
    found.default_microversion = COMPUTE if service == "compute" else None
    if not found.endpoint_override:
        url = connection.config.get_endpoint_from_catalog(service)
        found.endpoint_override = versioned(url, VERSIONS[service])
    return found


def versioned(url: str | None, version: str) -> str | None:
    """The address of a version, from that in the catalogue, which may name one.

    None where it names another: then the SDK asks the service, which is a round trip more. None
    also without an address: then the SDK's error says that the service is missing.
    """
    if not url:
        return None
    named = [part for part in urlsplit(url).path.split("/") if re.fullmatch(r"v\d[\d.]*", part)]
    if not named:
        return f"{url.rstrip('/')}/{version}"
    return url if named == [version] else None


def call(
    service: Proxy, method: str, path: str, query: Query | None = None, **options: Unpack[Options]
) -> Answer:
    """Return the answer's JSON, empty where it has no body. Raises openstacksdk's exceptions.

    An UnreadableError is among them, here and where a key is read that the answer lacks.
    """
    from openstack.exceptions import raise_from_response

    from flakeship.targets.openstack.api import answers

    started, outcome = time.monotonic(), "no answer"
    place = errors.shown(method, f"{service.endpoint_override or service.service_type}{path}")
    try:
        request = partial(service.request, path, method, params=dict(query or {}), **options)
        # the SDK would get a token for each of the calls that are refused at the same time
        response = request(allow_reauth=False)
        if response.status_code == EXPIRED:
            _give_up(service, str(response.request.headers.get("X-Auth-Token")))
            response = request(allow_reauth=False)
        outcome = str(response.status_code)
    finally:
        log.debug("%s: %s after %.2f s", place, outcome, time.monotonic() - started)
    raise_from_response(response)
    return answers.read(response, place)


def _give_up(service: Proxy, refused: str) -> None:
    """Let the next call get a new token, unless the refused one has been replaced already."""
    auth: BaseIdentityPlugin = service.session.auth  # type: ignore[assignment]
    with _RENEWING:
        if auth.get_access(service.session).auth_token == refused:
            auth.invalidate()


def list_all(
    service: Proxy, path: str, key: str, query: Query | None = None
) -> list[dict[str, Any]]:
    """The whole list below `key`, page after page. Raises what `call` does."""
    from flakeship.targets.openstack.api.answers import UnreadableError

    found: list[dict[str, Any]] = []
    asked, markers = dict(query or {}), set[str]()
    while True:
        page = call(service, "GET", path, asked)
        entries = page.entries(key)
        found += entries
        links = page.entries(f"{key}_links") if page.get(f"{key}_links") else []
        further = page.get("next") or any(link.get("rel") == "next" for link in links)
        if not further or not entries:
            return found
        # links name the cloud's inner addresses where a proxy is wrongly set up
        asked["marker"] = marker = str(entries[-1]["id"])
        if marker in markers:
            raise UnreadableError(page.call, f"its pages repeat after {marker}")
        markers.add(marker)


def poll(service: Proxy, path: str, seconds: float, first: float = 0.1) -> Iterator[dict[str, Any]]:
    """What is at a path, repeatedly until the seconds have passed; see `backoff`.

    Raises what `call` does: a failure that may pass only at the end, any other one at once.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    failure: Exception | None = None
    for _ in backoff(seconds, first):
        try:
            found = call(service, "GET", path)
        except (SDKException, ClientException) as error:
            if not errors.passing(error):
                raise
            failure = error
        else:
            failure = None
            yield found
    if failure:
        raise failure


def create(what: str, make: Callable[[], T], find: Callable[[], T | None]) -> T:
    """Make an object that `find` recognizes, again where its answer was lost.

    A POST is not repeated by the connection: the object may exist although nobody has answered.
    There are two attempts at least, as the first may end with its time. `what` names the object for
    a person. Raises what the calls do.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    failure: Exception | None = None
    wait = Wait()
    for left in chain(backoff(CREATING, first=0.5), [LEAST]):
        try:
            if failure and (found := find()) is not None:
                return found
            return make()
        except (SDKException, ClientException) as error:
            if not errors.passing(error):
                raise
            wait.tell(what, errors.answer(error), left)
            failure = error
    assert failure
    raise failure


def delete(service: Proxy, path: str, what: str, by_hand: str, *, wait: bool = False) -> None:
    """Delete an object, with retries: nobody else does. With `wait` until it is gone.

    `what` names it for a person. Raises FlakeshipError (removal-failed) with `by_hand`, the command
    that removes it.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import ConflictException, NotFoundException, SDKException

    last = "it still exists"
    asked = False
    waiting = Wait()
    for left in backoff(PATIENCE, first=0.3):
        try:
            if not asked:
                call(service, "DELETE", path)
                asked = True
            if not wait:
                return
            call(service, "GET", path)
        except NotFoundException:
            return
        except (SDKException, ClientException) as error:
            last = errors.answer(error)
            # what still uses it may go in a moment
            if not (errors.passing(error) or isinstance(error, ConflictException)):
                break
        waiting.tell(what, last, left)
    raise FlakeshipError(
        f"could not be removed: {last}", code="removal-failed", key=what, remedy=f"try `{by_hand}`"
    )
