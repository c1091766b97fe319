"""One session with an API: calls with a token, each with a limit of time and of memory."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from flakeship.model.errors import FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.system.backoff import backoff
from flakeship.targets.proxmox.api import answers, connection, errors, tls
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.api.form import Form
from flakeship.targets.proxmox.api.login import Login

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

log = logging.getLogger(__name__)

ROOT = "/api2/json/"
AT_ONCE = 8  # calls at a time
SILENCE = 30.0  # seconds without a byte: pveproxy gives up itself after these
SECONDS = 60.0  # of a call as a whole
AGAIN = 10.0  # seconds in which a call that only reads is made again
LARGEST = 32 * MIB  # bytes of an answer: 10,000 machines are 4 MiB
BLOCK = 64 * 1024

T = TypeVar("T")


class Api:
    """Calls of one API. Each raises ApiError, and FlakeshipError for a certificate."""

    def __init__(self, login: Login, pool: PoolManager) -> None:
        self.login = login
        self._pool = pool

    def get(self, kind: type[T], *path: str, **query: str | int) -> T:
        """What is at the parts of a path, of a type; again while a service restarts."""
        failure: ApiError | None = None
        for _ in backoff(AGAIN, first=0.5, most=4.0):
            try:
                found = self.call("GET", *path, **query)
            except ApiError as error:
                if not error.passing:
                    raise
                failure = error
            else:
                return answers.read(kind, found, _shown("GET", path), self.login)
        assert failure
        raise failure

    def call(self, method: str, *path: str, **parameters: str | int) -> object:
        """The data of an answer, once. What changes something is not made again here."""
        given = urlencode({key: str(value) for key, value in parameters.items()})
        if method in {"GET", "DELETE"}:
            return self._answer(method, path, query=given)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._answer(method, path, body=given.encode(), headers=headers)

    def post_form(self, form: Form, *path: str) -> object:
        """As `call`, for a form with a file, which is sent as it is read."""
        headers = {"Content-Type": form.content_type, "Content-Length": str(len(form))}
        return self._answer("POST", path, body=form, headers=headers)

    def _answer(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: str = "",
        body: bytes | Form | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        shown, started, outcome = _shown(method, path), time.monotonic(), "no answer"
        address = f"{self.login.endpoint}{path_of(path)}"
        common = {
            "Authorization": f"PVEAPIToken={self.login.token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        try:
            status, reason, answer = self._send(
                method,
                f"{address}?{query}" if query else address,
                body,
                {**common, **(headers or {})},
                shown,
            )
            outcome = str(status)
        finally:
            log.debug("%s: %s after %.2f s", shown, outcome, time.monotonic() - started)
        if 300 <= status < 400:
            raise errors.unreadable(shown, f"{status}: it leads elsewhere", self.login)
        if not 200 <= status < 300:
            raise errors.refused(shown, status, answers.said(answer, reason), self.login)
        return answers.data(answer, shown, self.login)

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | Form | None,
        headers: Mapping[str, str],
        shown: str,
    ) -> tuple[int, str, bytes]:
        from urllib3 import Timeout

        with failures(shown, self.login):
            response = self._pool.urlopen(
                method,
                url,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=connection.SECONDS, read=SILENCE),
            )
            try:
                return response.status, response.reason or "", self._read(response, shown)
            finally:
                response.release_conn()

    def _read(self, response: BaseHTTPResponse, shown: str) -> bytes:
        """The whole body, as it is: what is compressed in spite of our header is no JSON."""
        found, end = b"", time.monotonic() + SECONDS
        while block := response.read(BLOCK, decode_content=False):
            found += block
            if len(found) > LARGEST or time.monotonic() > end:
                response.close()
                limit = f"{LARGEST // MIB} MiB" if len(found) > LARGEST else f"{SECONDS:.0f} s"
                raise errors.unreadable(shown, f"it takes more than {limit}", self.login)
        return found


@contextmanager
def connected(login: Login) -> Iterator[Api]:
    """One session for all calls of a block. Raises FlakeshipError for a bad file of authorities."""
    from urllib3 import PoolManager, ProxyManager

    given: dict[str, Any] = {"num_pools": 1, "maxsize": AT_ONCE, **trust(login)}
    address = connection.proxy(login.endpoint)
    pool = ProxyManager(address, **given) if address else PoolManager(**given)
    try:
        yield Api(login, pool)
    finally:
        pool.clear()


def trust(login: Login) -> dict[str, Any]:
    """What urllib3 is told of whom to trust. Raises FlakeshipError as tls.context does."""
    return {
        "ssl_context": tls.context(login),
        "cert_reqs": "CERT_NONE" if login.fingerprint else "CERT_REQUIRED",
        "assert_fingerprint": login.fingerprint or None,
    }


@contextmanager
def failures(shown: str, login: Login) -> Iterator[None]:
    """Raise what keeps a connection from being made, or from being used, as an error of ours."""
    from urllib3.exceptions import HTTPError, NameResolutionError, SSLError

    try:
        yield
    except (SSLError, ssl.SSLError) as error:
        if "EOF occurred" in str(error):  # it hung up, which says nothing of its certificate
            raise errors.unreachable(shown, "the connection was closed", login) from error
        raise tls.untrusted(login, str(error)) from error
    except NameResolutionError as error:
        raise errors.unknown_host(login, _reason(error)) from error
    except (HTTPError, OSError) as error:
        raise errors.unreachable(shown, _reason(error), login) from error


def path_of(parts: Sequence[str]) -> str:
    """The path of an address, of parts that may come from elsewhere."""
    return ROOT + "/".join(quote(part, safe="") for part in parts)


def _shown(method: str, path: Sequence[str]) -> str:
    return f"{method} {path_of(path)}"


def _reason(error: BaseException) -> str:
    """The first cause in a few words: urllib3's own have the whole address.

    What somebody else was handling when they made the call is no cause of it.
    """
    found = error
    while (below := found.__cause__ or found.__context__) and not isinstance(below, FlakeshipError):
        found = below
    if isinstance(found, OSError) and found.strerror:
        return found.strerror
    return str(found) or type(found).__name__
