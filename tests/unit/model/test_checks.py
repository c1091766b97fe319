"""Which keys a check or a port may have: one that is not used is refused, and does not pass."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flakeship.config.server import Server, ServerOptions
from flakeship.model.checks import KINDS, Check
from flakeship.model.codec import dump, parse
from flakeship.model.ports import Port

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KIND: dict[str, dict[str, Any]] = {
    "run": {"run": "true"},
    "http": {"http": 80},
    "https": {"https": 443, "host": "www.example.org"},
    "tcp": {"tcp": 25},
}
OWN: dict[str, Any] = {
    "path": "/health",
    "status": 204,
    "contains": "ok",
    "send": "PING",
    "host": "www.example.org",
    "headers": {"Accept": "text/plain"},
    "certificate": "any",
}


@pytest.mark.parametrize("kind", KIND)
@pytest.mark.parametrize("key", OWN)
def test_a_key_is_used_or_refused(kind: str, key: str) -> None:
    given = {"name": "page"} | KIND[kind] | {key: OWN[key]}
    if key in KINDS[kind]:
        check = Check.model_validate(given)
        assert parse(Check, dump(check)) == check
    else:
        with pytest.raises(ValidationError, match=f"is not used for a check with {kind}"):
            Check.model_validate(given)


@pytest.mark.parametrize("key", ["path", "status", "contains", "send"])
def test_a_default_that_is_written_out_is_refused_too(key: str) -> None:
    default = Check.model_fields[key].default
    with pytest.raises(ValidationError, match="not used for a check with run"):
        Check.model_validate({"name": "page", "run": "true", key: default})


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "exactly one of run"),
        ({"run": "x", "http": 80}, "exactly one of run"),
        ({"run": "", "http": 80}, "exactly one of run"),
        ({"http": 80, "https": 443}, "exactly one of run"),
        ({"run": ""}, "would always pass"),
        ({"run": " \n"}, "would always pass"),
        ({"run": "page", "contains": "healthy", "status": 204}, "a check with run, nor status"),
        ({"https": 443}, "https needs the name"),
        ({"https": 443, "certificate": PEM}, "cannot be read"),
        ({"https": 443, "certificate": "valid"}, "is not what a certificate can be"),
        ({"https": 443, "certificate": "sha256:abc"}, "is not what a certificate can be"),
        ({"http": 80, "host": "www.example.org/x"}, "host"),
        ({"http": 80, "host": "a b"}, "host"),
        ({"http": 80, "headers": {"A b": "x"}}, "is not the name of a header"),
        ({"http": 80, "headers": {"A": "x\r\nB: y"}}, "must be one line"),
        ({"http": 80, "headers": {"A": "ü"}}, "characters that a header cannot have"),
        ({"http": 80, "headers": {"Host": "x"}}, "set by the request itself"),
        ({"http": 80, "path": "/a b"}, "path"),
        ({"http": 80, "path": "/a\nb"}, "path"),
    ],
)
def test_a_check_that_would_not_mean_what_it_says(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Check.model_validate({"name": "page"} | given)


@pytest.mark.parametrize(
    "certificate", ["any", "sha256:" + "0f" * 32, "sha256:" + "0f:" * 31 + "0f"]
)
def test_without_a_name_in_the_certificate_no_host_is_needed(certificate: str) -> None:
    assert Check.model_validate({"name": "a", "https": 443, "certificate": certificate}).port == 443


@pytest.mark.parametrize(
    ("given", "label", "fixed"),
    [
        ({"port": 80}, "80", True),
        ({"port": 53, "protocol": "udp"}, "udp 53", True),
        ({"port": "30000-32767"}, "30000-32767", False),
        ({"port": 30000, "last": 32767, "protocol": "udp"}, "udp 30000-32767", False),
        ({"process": "tailscaled", "protocol": "udp"}, "udp of tailscaled", False),
    ],
)
def test_a_port_is_a_number_a_range_or_a_process(
    given: dict[str, Any], label: str, fixed: bool
) -> None:
    port = Port.model_validate(given)
    assert (port.label, port.fixed) == (label, fixed)
    assert parse(Port, dump(port)) == port
    assert port.verified == port


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"protocol": "http"}, "exactly one of port"),
        ({"port": 80, "process": "nginx"}, "exactly one of port"),
        ({"port": "90-80"}, "90-80 is no range"),
        ({"port": "80-80"}, "80-80 is no range"),
        ({"port": "80-70000"}, "65535"),
        ({"port": "0-80"}, "port"),
        ({"port": "80-"}, "port"),
        ({"port": "٨0-90"}, "port"),
        ({"port": "80-90", "hostPort": 8080}, "is not used for a range"),
        ({"port": "80-90", "timeout": 5}, "is not used for a range"),
        ({"port": "80-90", "needsData": True}, "is not used for a range"),
        ({"port": "80-90", "protocol": "http"}, "must be tcp or udp for a range"),
        (
            {"process": "x", "hostPort": 8080, "allowFrom": ["10.0.0.0/8"]},
            "process, nor allowFrom",
        ),
        ({"process": "x", "protocol": "ssh"}, "must be tcp or udp for a process"),
        ({"process": "a b"}, "process"),
        ({"port": 22, "protocol": "http"}, "must be ssh"),
        ({"port": 22, "protocol": "ssh", "needsData": True}, "answers before"),
        ({"port": 53, "protocol": "udp", "hostPort": 53}, "TCP alone"),
    ],
)
def test_a_port_that_is_refused(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Port.model_validate(given)


def test_a_check_needs_a_port_of_its_own() -> None:
    check = {"name": "page", "http": 30080}
    server = {"name": "web", "checks": [check], "ports": ["30000-32767"]}
    with pytest.raises(ValidationError, match="declared in a range alone"):
        Server[ServerOptions].model_validate(server)
    found = Server[ServerOptions].model_validate(server | {"ports": ["30000-32767", 30080]})
    assert [port.label for port in found.declared] == ["22", "30000-32767", "30080"]
