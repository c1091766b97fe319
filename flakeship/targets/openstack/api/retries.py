"""Calls that fail by a passing fault are made again, in one place for all of the SDK's calls.

The retries of requests and keystoneauth do not serve: neither ends after a time (a Retry-After may
be an hour), sees an answer that is cut in half, or spares a call that must not be made twice.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from keystoneauth1.session import TCPKeepAliveAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, ProxyError
from urllib3.exceptions import NewConnectionError as NotConnectedError

from flakeship.targets.openstack.api import patience
from flakeship.targets.openstack.api.errors import PASSING, UNTOUCHED, shown
from flakeship.targets.openstack.api.rest import AT_ONCE

if TYPE_CHECKING:
    from keystoneauth1.session import Session

log = logging.getLogger(__name__)

SECONDS = 30.0  # for which a call is made again: a service that is restarted is back by then
FIRST, MOST = 0.5, 4.0  # seconds between two attempts
FINAL = 400  # statuses from here on that do not pass: they refuse, whatever their body is

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
"""The methods of which a second call has the same effect (our PATCHes only set values)."""


@dataclass
class _Fault:
    """What went wrong with one attempt; `after` is the number of seconds that the cloud names."""

    reason: str
    safe: bool  # whether the call certainly had no effect
    after: float = 0.0
    passing: bool = True
    slow: bool = False  # it took all of its time: there is none left for a second attempt


@dataclass
class _Watched:
    """A call that is under way, and what went wrong with it at last."""

    call: str
    service: str
    reason: str = "no answer yet"


def retry(session: Session) -> None:
    """Let every call of a session be made again, for about 30 s, where its fault may pass."""
    for prefix in [*session.session.adapters]:
        session.session.mount(prefix, RetryingAdapter())


class RetryingAdapter(TCPKeepAliveAdapter):
    """Sends a request, and again while that may help; the last answer or error is the outcome.

    Who waits is told once of each service that is away: an inspection makes ten calls at a time.
    """

    def __init__(self) -> None:
        # a cloud may have all its services behind one port: a connection for each call at a time
        super().__init__(pool_maxsize=AT_ONCE)
        self._told: dict[str, float] = {}  # when, by the service's host and port
        self._lock = threading.Lock()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        *args: Any,  # noqa: ANN401
        **given: Any,  # noqa: ANN401
    ) -> requests.Response:
        """See requests.adapters.HTTPAdapter."""
        began, pause, attempts = time.monotonic(), FIRST, 0
        with self._watched(request) as watched:
            while True:
                failure: requests.RequestException | None = None
                response = None
                try:
                    response = super().send(request, stream, *args, **given)
                    fault = None if stream else _fault_of(response)
                except requests.RequestException as error:
                    failure, fault = error, _unanswered(error)
                attempts += 1
                waits = max(pause, fault.after) if fault else 0.0
                left = SECONDS - (time.monotonic() - began)
                over = waits > left and not (fault and fault.slow and attempts == 1)
                if not fault or over or not _again(request, fault):
                    if failure:
                        raise failure
                    assert response is not None
                    return response
                watched.reason = fault.reason
                log.debug("%s: %s; again in %.1f s", watched.call, fault.reason, waits)
                time.sleep(waits)
                pause = min(pause * 2, MOST)

    @contextmanager
    def _watched(self, request: requests.PreparedRequest) -> Iterator[_Watched]:
        """Tell a person of a call that takes long; an upload has lines of its own."""
        service = urlsplit(str(request.url)).netloc
        watched = _Watched(shown(request.method, request.url), service)
        timer = threading.Timer(patience.TOLD, self._tell, [watched])
        timer.daemon = True
        if _whole(request):
            timer.start()
        try:
            yield watched
        finally:
            timer.cancel()

    def _tell(self, watched: _Watched) -> None:
        now = time.monotonic()
        with self._lock:
            last = self._told.get(watched.service)
            untold = last is None or now - last >= SECONDS
            if untold:
                self._told[watched.service] = now
        if untold:
            log.warning(
                "%s: %s, for %.0f s; still trying", watched.call, watched.reason, patience.TOLD
            )


def _again(request: requests.PreparedRequest, fault: _Fault) -> bool:
    """Whether a call may be made again: it has done nothing, or a second one does no more."""
    if not fault.passing:
        return False
    repeatable = request.method in REPEATABLE or str(request.url).endswith("/auth/tokens")
    return _whole(request) and (fault.safe or repeatable)


def _whole(request: requests.PreparedRequest) -> bool:
    """Whether a request is no upload, whose body may have been read."""
    return request.body is None or isinstance(request.body, bytes | str)


def _fault_of(response: requests.Response) -> _Fault | None:
    """The fault that an answer tells of. Raises requests' errors where the answer is cut."""
    headers, body = response.headers, response.content
    status = response.status_code
    if status in PASSING:
        reason = f"{status} {response.reason or ''}".strip()
        return _Fault(reason, status in UNTOUCHED, retry_after(headers.get("Retry-After", "")))
    if status >= FINAL or "json" not in headers.get("Content-Type", ""):
        return None
    if body and not _complete(headers, body):
        return _Fault("the answer is incomplete", safe=False)
    return None


def _complete(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is a JSON object, as all of them are, and not only a part of one."""
    stripped = body.strip()
    if not (stripped.startswith(b"{") and stripped.endswith(b"}")):
        return False
    if "Content-Length" in headers or "Transfer-Encoding" in headers:
        return True  # parsing a long list twice takes its time
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _unanswered(error: requests.RequestException) -> _Fault:
    """The fault behind an error of requests."""
    cause: object = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    reason = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError) or "Tunnel connection failed" in str(error):
        return _Fault(reason, safe=True, passing=False)
    if isinstance(cause, ProxyError):
        cause = cause.original_error
    if isinstance(cause, NameResolutionError) and "Temporary failure" not in str(cause):
        return _Fault(reason, safe=True, passing=False)
    cut = isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError)
    safe = isinstance(cause, NotConnectedError | ConnectTimeoutError)
    reason = "no connection" if safe else "the connection was cut" if cut else "no answer in time"
    slow = isinstance(error, requests.Timeout) and not safe
    return _Fault(reason, safe, passing=cut or isinstance(error, requests.Timeout), slow=slow)


def retry_after(text: str) -> float:
    """The seconds of a Retry-After, which is a number or a date; 0 where it is neither."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
