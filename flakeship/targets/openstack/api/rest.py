"""Plain calls of a cloud's services that return JSON, each in the debug log.

An inspection is many lists: making the SDK's objects of the entries takes longer than the calls.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flakeship.system.backoff import backoff
from flakeship.targets.openstack.api.errors import passing, shown

if TYPE_CHECKING:
    from openstack.connection import Connection
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

COMPUTE = "2.61"
"""Nova's version of 2018: the first that lists flavors with their extra specs."""

VERSIONS = {"compute": "v2.1", "image": "v2", "network": "v2.0"}
"""The versions in the services' addresses."""

PAGE = 1000
"""Entries that are asked for at once; a cloud may give fewer."""

Query = Mapping[str, str | list[str]]


def client(connection: Connection, service: str) -> Proxy:
    """The service `compute`, `image` or `network`, at the version that we speak."""
    found = connection.config.get_session_client(service)
    # Neutron's and Glance's minor versions are of no interest: what we use is in all of them
    found.default_microversion = COMPUTE if service == "compute" else None
    if not found.endpoint_override:
        url = connection.config.get_endpoint_from_catalog(service)
        found.endpoint_override = versioned(url or "", VERSIONS[service])
    return found


def versioned(url: str, version: str) -> str | None:
    """The address of a version, from that in the catalogue, which may have one or not.

    None where it has another: then the SDK has to ask the service, which is a round trip more.
    """
    named = [part for part in urlsplit(url).path.split("/") if re.fullmatch(r"v\d[\d.]*", part)]
    if not named:
        return f"{url.rstrip('/')}/{version}"
    return url if named == [version] else None


def call(
    service: Proxy,
    method: str,
    path: str,
    query: Query | None = None,
    *,
    json: object = None,
    data: Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Call a service and return the answer's JSON, empty where it has none.

    The keywords are those of requests. Raises an exception of openstacksdk where the answer is no
    success; see `connected`.
    """
    from openstack.exceptions import raise_from_response

    given = {"json": json, "data": data, "headers": headers, "timeout": timeout}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    started, outcome = time.monotonic(), "no answer"
    try:
        response = service.request(path, method, params=dict(query or {}), **options)
        outcome = str(response.status_code)
    finally:
        shown_call = shown(method, f"{service.endpoint_override or service.service_type}{path}")
        log.debug("%s: %s after %.2f s", shown_call, outcome, time.monotonic() - started)
    raise_from_response(response)
    has_json = response.content and "json" in response.headers.get("Content-Type", "")
    answer = response.json() if has_json else {}
    assert isinstance(answer, dict)
    return answer


def poll(service: Proxy, path: str, seconds: float, first: float = 0.1) -> Iterator[dict[str, Any]]:
    """What is at a path, repeatedly until the seconds have passed; see `backoff`.

    A failure that may pass is tolerated until then. Raises what `call` does where it lasts, and at
    once for any other failure.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    failure: Exception | None = None
    for _ in backoff(seconds, first):
        try:
            found = call(service, "GET", path)
        except (SDKException, ClientException) as error:
            if not passing(error):
                raise
            failure = error
        else:
            failure = None
            yield found
    if failure:
        raise failure


def list_all(
    service: Proxy, path: str, key: str, query: Query | None = None
) -> list[dict[str, Any]]:
    """The whole list below `key`, page after page."""
    found: list[dict[str, Any]] = []
    asked = dict(query or {})
    while True:
        page = call(service, "GET", path, asked)
        found += page[key]
        links = page.get(f"{key}_links") or []
        further = page.get("next") or any(link.get("rel") == "next" for link in links)
        if not further or not page[key]:
            return found
        # links name the cloud's inner addresses where a proxy is wrongly set up
        asked["marker"] = page[key][-1]["id"]
