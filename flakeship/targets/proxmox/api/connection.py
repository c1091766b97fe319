"""A TLS connection to an API's server, through the proxy that Pulumi's plugin takes too."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

SECONDS = 10.0  # for a connection


def proxy(endpoint: str) -> str:
    """The proxy on the way to an API, by the variables that the plugin uses too; empty: none."""
    host = urlsplit(endpoint).hostname or ""
    return "" if proxy_bypass(host) else getproxies().get("https", "")


def connect(endpoint: str, trust: Mapping[str, Any]) -> ssl.SSLSocket:
    """A connection to be closed; `trust` is what urllib3 is told of it.

    Raises OSError, which ssl's errors are too, and urllib3's HTTPError.
    """
    from urllib3.connection import HTTPSConnection

    end, way = urlsplit(endpoint), urlsplit(proxy(endpoint))
    first = way if way.hostname else end
    made = HTTPSConnection(first.hostname or "", first.port, timeout=SECONDS, **trust)
    if way.hostname:
        made.set_tunnel(end.hostname or "", end.port, scheme=way.scheme)
    try:
        made.connect()
    except BaseException:
        made.close()
        raise
    return made.sock  # type: ignore[return-value] # it is one after a handshake
