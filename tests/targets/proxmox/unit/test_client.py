"""Calls of an API over TLS: trust, refusals, and answers that nobody should give."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import ssl
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from urllib3.exceptions import SSLError

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client
from flakeship.targets.proxmox.api.client import connected, failures
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.api.login import Login
from tests.targets.proxmox.unit.cluster import (
    TOKEN,
    Cluster,
    Reply,
    certificate,
    recorded,
    running,
)

VERSIONS = ["8.4", "9.2"]
SECRET = TOKEN.partition("=")[2]


def version(login: Login) -> str:
    with connected(login) as api:
        return api.get(listed.Version, "version").version


def failure(login: Login) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        version(login)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def fingerprint(file: Path) -> str:
    plain = ssl.PEM_cert_to_DER_cert(file.read_text())
    return ":".join(re.findall("..", hashlib.sha256(plain).hexdigest().upper()))


@pytest.mark.parametrize("given", VERSIONS)
def test_the_token_is_in_a_header_and_the_answer_is_read(cluster: Cluster, given: str) -> None:
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        body = json.dumps(recorded(given)["answers"]["version"]).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    cluster.replies["GET version"] = answer
    assert version(cluster.login()).startswith(given)
    assert seen == [f"PVEAPIToken={TOKEN}"]


def test_one_connection_serves_many_calls(cluster: Cluster) -> None:
    ports: set[int] = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        cluster.get("version", {"version": "8.4.0"})
        cluster.answer(handler)
        cluster.replies["GET version"] = answer

    cluster.replies["GET version"] = answer
    with connected(cluster.login()) as api:
        for _ in range(3):
            api.get(listed.Version, "version")
    assert len(ports) == 1


def test_parameters_are_in_the_query_or_in_the_body(cluster: Cluster) -> None:
    cluster.replies["POST nodes/pve/x"] = Reply({"data": "UPID:1"})
    cluster.get("nodes/a/b c?content=import", [])
    with connected(cluster.login()) as api:
        assert api.call("POST", "nodes", "pve", "x", name="a b&c", full=1) == "UPID:1"
        assert api.get(list[str], "nodes", "a", "b c", content="import") == []
        # what comes from elsewhere cannot lead to another path
        with pytest.raises(ApiError):
            api.call("GET", "nodes", "../../access", "users")
    assert cluster.asked[0] == ("POST", "nodes/pve/x", "name=a+b%26c&full=1")
    assert cluster.asked[2][1] == "nodes/../../access/users"


def test_a_certificate_that_nobody_signed_is_refused_with_its_fingerprint(
    cluster: Cluster, trusted: Path
) -> None:
    error = failure(cluster.login(ca_file=""))
    assert (error.code, error.given) == ("certificate-untrusted", fingerprint(trusted))
    assert cluster.asked == []


def test_a_pinned_certificate_needs_no_authority_and_no_name(
    tmp_path: Path, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "AGAIN", 0.0)
    other = certificate(tmp_path, "DNS:pve1.example.com")
    with running(other) as cluster:
        cluster.get("version", {"version": "8.4.0"})
        assert version(cluster.login(ca_file="", fingerprint=fingerprint(other))) == "8.4.0"
        wrong = failure(cluster.login(ca_file="", fingerprint=fingerprint(trusted)))
        assert (wrong.code, wrong.given) == ("certificate-untrusted", fingerprint(other))
        # its authority is known, but it is for another name
        assert failure(cluster.login()).code == "certificate-untrusted"
    assert len(cluster.asked) == 1


def test_who_hangs_up_is_not_told_as_a_certificate(cluster: Cluster) -> None:
    """As pveproxy does in the middle of an upload that it cannot write."""
    hung_up = ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2417)")
    with pytest.raises(FlakeshipError) as caught, failures("POST upload", cluster.login()):
        raise SSLError(hung_up)
    assert caught.value.code == "api-unreachable"
    assert cluster.asked == []


def test_variables_do_not_replace_the_trust(
    cluster: Cluster, trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tmp_path)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(trusted))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login root password x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert failure(cluster.login(ca_file=str(other))).code == "certificate-untrusted"


def test_the_authorities_of_this_machine_are_those_of_openssl(
    cluster: Cluster, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.get("version", {"version": "8.4.0"})
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    assert version(cluster.login(ca_file="")) == "8.4.0"


def test_no_tls_nobody_there_and_no_authorities(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "AGAIN", 0.0)
    with running(trusted, tls=False) as cluster:
        assert failure(cluster.login()).code == "tls-mismatch"
    assert failure(cluster.login()).code == "api-unreachable"
    empty = tmp_path / "ca"
    empty.write_text("nothing")
    assert failure(cluster.login(ca_file=str(empty))).code == "ca-file-unreadable"


def test_a_name_that_nobody_knows_is_not_tried_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def unknown(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(client, "AGAIN", 60.0)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure(replace(cluster.login(), endpoint="https://nonesuch.example.com:8006"))
    assert (error.code, error.key) == ("host-unknown", "https://nonesuch.example.com:8006")
    assert asked == ["nonesuch.example.com"]


HOSTILE: dict[str, Reply] = {
    "no JSON": Reply(b"<html>log in</html>"),
    "empty": Reply(b""),
    "a list": Reply([]),
    "no data": Reply({"message": "x"}),
    "null": Reply({"data": None}),
    "a text": Reply({"data": "8.4"}),
    "cut": Reply(b'{"data": {"version": "8.'),
    "another version": Reply({"data": {"version": "\x1b[2J"}}),
    "a number": Reply({"data": {"version": 8.4}}),
    "deep": Reply(b'{"data":' + b"[" * 100_000),
    "not UTF-8": Reply(b'{"data": {"version": "\xff"}}'),
    "a huge number": Reply(b'{"data": {"version": ' + b"9" * 10_000 + b"}}"),
    "compressed": Reply(gzip.compress(b"x" * 9), headers={"Content-Encoding": "gzip"}),
    "elsewhere": Reply({}, 302, "Found", {"Location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_answer_that_is_not_the_apis_is_one_clear_line(cluster: Cluster, what: str) -> None:
    cluster.replies["GET version"] = HOSTILE[what]
    error = failure(cluster.login())
    assert error.code == "answer-unreadable"
    assert "GET /api2/json/version" in error.what
    assert "\x1b" not in str(error)


def test_an_answer_is_bounded_in_memory_and_time(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" " * 65536)
            handler.wfile.flush()
            time.sleep(0.001)

    cluster.replies["GET version"] = endless
    monkeypatch.setattr(client, "LARGEST", 1024 * 1024)
    assert "1 MiB" in failure(cluster.login()).what
    monkeypatch.setattr(client, "SECONDS", 0.0)
    monkeypatch.setattr(client, "LARGEST", 1024**3)
    assert "0 s" in failure(cluster.login()).what


def test_a_call_that_reads_is_made_again_while_a_service_restarts(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Reply] = [Reply({}, 503, "busy"), Reply({"data": {"version": "8.4.0"}})]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        cluster.replies["GET version"] = attempts.pop(0)
        cluster.answer(handler)
        cluster.replies["GET version"] = answer

    cluster.replies["GET version"] = answer
    monkeypatch.setattr(client, "AGAIN", 5.0)
    assert version(cluster.login()) == "8.4.0"
    assert attempts == []


@pytest.mark.parametrize("given", VERSIONS)
def test_every_recorded_refusal_is_told_with_its_call_and_its_words(
    cluster: Cluster, given: str
) -> None:
    for each in recorded(given)["refusals"]:
        method, path = each["method"], each["path"].partition("?")[0].rstrip("/")
        body = each["body"] or b""
        cluster.replies[f"{method} {path}"] = Reply(body, each["status"], each["reason"])
        with connected(cluster.login()) as api, pytest.raises(ApiError) as caught:
            api.call(method, *path.split("/"))
        error = caught.value
        assert error.status == each["status"]
        assert error.said
        if error.status == 401:
            assert error.code == "token-refused"
            continue
        assert f"{method} /api2/json/" in error.what
        for why in (each["body"] or {}).get("errors", {}).values():
            assert why.split("\n")[0][:100] in error.said
        if error.status == 403:
            assert error.code == "privilege-missing"
        assert error.gone == ("does not exist" in error.said or "no such task" in error.said)


def said(cluster: Cluster, text: str, status: int = 403) -> ApiError:
    cluster.replies["GET x"] = Reply({"data": None, "message": f"{text}\n"}, status, text)
    with connected(cluster.login()) as api, pytest.raises(ApiError) as caught:
        api.call("GET", "x")
    return caught.value


def test_a_missing_privilege_comes_with_the_command_that_grants_it(cluster: Cluster) -> None:
    error = said(cluster, "Permission check failed (/storage/local, Datastore.AllocateTemplate)")
    assert error.code == "privilege-missing"
    assert "Datastore.AllocateTemplate on /storage/local" in error.what
    (line,) = error.details
    assert "pveum acl modify /storage/local" in line
    assert "--users iac@pve --tokens 'iac@pve!ci'" in line
    hidden = said(cluster, "Permission check failed")
    assert "pveum user token permissions iac@pve ci" in hidden.remedy
    hostile = said(cluster, "Permission check failed (/vms/$(id);x, VM.Audit)")
    assert "'/vms/$(id);x'" in "".join(hostile.details)


@pytest.mark.parametrize(
    ("status", "code", "passing"),
    [
        (595, "node-unreachable", True),
        (596, "node-unreachable", True),
        (503, "api-busy", True),
        (500, "api-refused", False),
        (501, "api-unknown", False),
    ],
)
def test_what_passes_and_what_does_not(
    cluster: Cluster, status: int, code: str, passing: bool
) -> None:
    error = said(cluster, "no route to host", status)
    assert (error.code, error.passing) == (code, passing)


def test_what_changes_something_is_not_made_again(cluster: Cluster) -> None:
    cluster.replies["POST x"] = Reply({}, 503, "busy")
    with connected(cluster.login()) as api, pytest.raises(ApiError):
        api.call("POST", "x")
    assert cluster.calls == ["POST x"]
