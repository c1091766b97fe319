"""HTTP checks: what is asked, and which answers count, in one piece, in chunks, and over TLS."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.checks import Check
from flakeship.model.ports import Port
from flakeship.model.sizes import MIB
from flakeship.system.process import run
from flakeship.system.tcp import Reply
from flakeship.verify.checks import http, outside
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import ROUTE, Behaviour, says, server, subject

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SITE = "www.example.org"


def check(behave: Behaviour, **given: Any) -> str:
    with server(behave) as number:
        route = replace(ROUTE, ports={22: 1, 80: number})
        own = Check.model_validate({"name": "page", "timeout": 0.3} | given)
        return outside.custom(own, subject(route=route))


def answering(answer: bytes, *, hold: float = 0) -> Behaviour:
    """Answers a whole request; with `hold` the connection stays open."""

    def behave(connection: socket.socket) -> None:
        asked = connection.recv(65536)
        while b"\r\n\r\n" not in asked and asked:
            asked = connection.recv(65536)
        connection.sendall(answer)
        if hold:
            connection.settimeout(hold)
            try:
                connection.recv(1)
            except OSError:
                return

    return behave


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["GET / HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]),
        ({"path": "/a?b", "host": SITE}, ["GET /a?b HTTP/1.1", f"Host: {SITE}"]),
        ({"headers": {"X-Key": "a b", "accept": "text/html"}}, ["X-Key: a b", "accept: text/html"]),
    ],
)
def test_what_is_asked(given: dict[str, Any], lines: list[str]) -> None:
    asked: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert check(behave, http=80, **given) == f"{given.get('path', '/')}: HTTP/1.1 200 OK"
    text = asked[0].decode()
    assert {*lines} <= {*text.split("\r\n")}
    names = [line.partition(":")[0].lower() for line in text.split("\r\n")[1:-2]]
    assert len(names) == len({*names})
    assert text.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\n\nhello",
        b"HTTP/2 200\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        CHUNKED + b"00005\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_an_answer_that_has_the_text(answer: bytes) -> None:
    assert "200" in check(answering(answer), http=80, contains="hello")


def test_a_connection_that_stays_open_is_not_waited_for() -> None:
    ends = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    assert check(answering(ends, hold=5), http=80, contains="hello", timeout=3)
    nothing = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert check(answering(nothing, hold=5), http=80, status=204, timeout=3)


def test_a_stream_without_an_end_and_a_large_page() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\ndata: hello\n"
    assert check(answering(endless, hold=5), http=80, contains="hello", timeout=0.5)
    large = b"hello" + b"x" * 3 * MIB
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(large)}\r\n\r\n".encode()
    assert check(answering(head + large), http=80, contains="hello", timeout=5)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "the answer is cut"),
        (CHUNKED + b"5\r\nhello\r\n", "the answer is cut"),
        (CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", "'hello' is not in the answer, which is cut"),
        (CHUNKED + b"3\r\nhel\r\n0\r\n\r\nlo", "'hello' is not in the answer"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n",
            r"301 Moved \(to https://x/\), exp",
        ),
        (b"HTTP/1.1 426 Upgrade Required\r\n\r\nhello", "426 Upgrade Required, expected status"),
        (b"HTTP/1.1 2000 OK\r\n\r\nhello", "no HTTP: 'HTTP/1.1 2000 OK'"),
        (b"HTTP/1.1 200 OK", "is not in the answer"),
        (b"hello", "no HTTP: 'hello'"),
    ],
)
def test_an_answer_that_does_not_count(answer: bytes, detail: str) -> None:
    with pytest.raises(Failed, match=detail):
        check(answering(answer), http=80, contains="hello")


def test_a_header_has_no_say_in_the_body() -> None:
    """A text that is in a header alone is not in the page."""
    with pytest.raises(Failed, match="'hello' is not in the answer"):
        check(answering(b"HTTP/1.1 200 OK\r\nX: hello\r\n\r\nbye"), http=80, contains="hello")


@pytest.mark.parametrize("size", [b"FFFFFFFF", b"-1", b"1" * 5000])
def test_the_size_of_a_chunk_is_what_a_server_says(size: bytes) -> None:
    answer = http.answer_of(Reply(CHUNKED + size + b"\r\nhello", closed=True))
    assert not answer.whole


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the site that signs itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes certificates, is not installed")
    path = tmp_path_factory.mktemp("tls")
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={SITE}", "-addext"),
            *(f"subjectAltName=DNS:{SITE}", "-keyout", path / "key", "-out", path / "certificate"),
        ]
    )
    both = path / "both"
    both.write_text((path / "certificate").read_text() + (path / "key").read_text())
    return both


def over_tls(keys: Path, behave: Behaviour) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys)

    def secured(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                behave(tls)
        except OSError:
            return

    return secured


OK = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def pem(keys: Path) -> str:
    return keys.read_text().partition("-----BEGIN PRIVATE")[0]


def fingerprint(keys: Path) -> str:
    return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem(keys))).hexdigest()


@pytest.mark.parametrize("how", ["any", "fingerprint", "authority"])
def test_a_certificate_as_the_check_wants_it(keys: Path, how: str) -> None:
    wanted = {"any": "any", "fingerprint": fingerprint(keys), "authority": pem(keys)}[how]
    given = {"https": 80, "host": SITE, "certificate": wanted, "contains": "hello"}
    assert check(over_tls(keys, OK), timeout=3, **given) == "/: HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({"host": SITE}, "the certificate is refused: self.signed certificate"),
        ({"host": "mail.example.org", "certificate": "pem"}, "Hostname mismatch"),
        ({"certificate": "sha256:" + "0" * 64}, "the certificate is sha256:[0-9a-f]{64}, not sha2"),
    ],
)
def test_another_certificate(keys: Path, given: dict[str, Any], detail: str) -> None:
    own = given | ({"certificate": pem(keys)} if given.get("certificate") == "pem" else {})
    with pytest.raises(Failed, match=detail):
        check(over_tls(keys, OK), https=80, **own)


@pytest.mark.parametrize("behave", [OK, says(b"220 mail\r\n")])
def test_what_speaks_no_tls(behave: Behaviour) -> None:
    with pytest.raises(Failed, match=r"no TLS: |timed out|reset|EOF"):
        check(behave, https=80, certificate="any")


@pytest.mark.parametrize(
    ("said", "reason", "hint"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "WRONG_VERSION_NUMBER", True),
        ("[SSL] record layer failure (_ssl.c:1000)", "", True),  # Python has no name for it
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert", "TLSV1_ALERT_INTERNAL_ERROR", False),
    ],
)
def test_plain_text_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch, said: str, reason: str, hint: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = ssl.SSLError(1, said)
        error.reason = reason
        raise error

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    with pytest.raises(Failed) as failed:
        check(OK, https=80, certificate="any")
    assert ("speak TLS at all?" in str(failed.value)) == hint


@contextmanager
def reaching(behave: Behaviour) -> Iterator[Any]:
    with server(behave) as number:
        yield replace(ROUTE, ports={22: 1, 443: number})


def test_a_port_with_https(keys: Path) -> None:
    port = Port(port=443, protocol="https", timeout=2)
    refusing = answering(b"HTTP/1.1 503 Busy\r\n\r\n")
    with reaching(over_tls(keys, OK)) as route:
        assert outside.answers_on(route, port, 9) == "HTTP/1.1 200 OK"
    with reaching(over_tls(keys, refusing)) as route:
        assert outside.answers_on(route, port, 9) == f"HTTP/1.1 503 Busy{outside.REFUSING}"


def test_a_port_has_its_own_patience() -> None:
    with reaching(answering(b"")) as route:
        with pytest.raises(Failed, match=r"no http within 0 s; the last"):
            outside.answers_on(route, Port(port=443, protocol="http", timeout=0.1), 60)
        with pytest.raises(Failed, match="a slow service may have a `timeout` at its port"):
            outside.answers_on(route, Port(port=443, protocol="http"), 0.1)
