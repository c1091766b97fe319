"""Who scans a machine, and what may be open to whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint
from flakeship.verify import port_scan
from flakeship.verify.checks import open_ports
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.port_scan import Neighbour, Prober
from flakeship.verify.request import Route, VerifyRequest
from tests.unit.verify.machines import ED25519, REQUEST, Forbidding, subject

HERE = Route("203.0.113.5", {22: 22, 80: 80}, "10.0.2.0/24")
OLD = Neighbour(Endpoint("web-old", "203.0.113.9", 22, "nixos"), [ED25519], "10.0.2.15")
RESTRICTABLE = replace(REQUEST, ports=[Port(port=80, protocol="http"), Port(port=5432)])


def scanned(
    neighbour: Neighbour | None = None,
    *restricted: int,
    request: VerifyRequest = REQUEST,
    route: Route = HERE,
) -> str:
    return open_ports.check(neighbour, restricted, subject(request=request, route=route))


def test_a_scan_by_the_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {22, 80}
    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", lambda *_: seen)
    assert scanned(OLD).endswith("others; seen from web-old")
    seen.add(9999)
    with pytest.raises(Failed, match="open, but not declared: tcp 9999"):
        scanned(OLD)


def test_a_scan_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise FlakeshipError("no route")

    monkeypatch.setattr(port_scan, "through", refuse)
    monkeypatch.setattr(port_scan, "scan", lambda probers, *_: {22, 80} if probers else set())
    assert scanned().endswith("seen from this machine")
    why = "as web-old could not scan it: no route"
    assert scanned(OLD).endswith(f"seen from this machine, {why}")
    assert scanned(OLD, route=replace(HERE, serving=True)).endswith("seen from this machine")
    with pytest.raises(Failed, match=f"its ports cannot be scanned from anywhere, {why}"):
        scanned(OLD, route=replace(HERE, own=False))


def test_the_scan_is_of_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        Port(port=80, protocol="http"),
        Port(port=51820, protocol="udp"),
        Port(port=9999, protocol="udp", needs_data=True),
    ]
    with_udp = replace(REQUEST, ports=ports)
    monkeypatch.setattr(port_scan, "scan", lambda _, expected, __: expected)
    assert scanned(request=with_udp).startswith("tcp 22, 80, and none of")
    for number in (51820, 9999):
        monkeypatch.setattr(port_scan, "scan", lambda *_, seen=number: {22, 80, seen})
        with pytest.raises(Failed, match=f"open, but not declared: tcp {number}"):
            scanned(request=with_udp)


@pytest.mark.parametrize("seen", [{22, 80}, {22, 80, 5432}])
def test_restricted_ports_may_be_closed_to_a_neighbour(
    monkeypatch: pytest.MonkeyPatch, seen: set[int]
) -> None:
    expected: list[set[int]] = []

    def look(_: object, ports: set[int], __: object) -> set[int]:
        expected.append(ports)
        return seen

    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", look)
    assert scanned(OLD, 5432, request=RESTRICTABLE).endswith(
        "others (not expected: tcp 5432, restricted); seen from web-old"
    )
    assert expected == [{22, 80}]
    if 5432 not in seen:
        with pytest.raises(Failed, match="declared, but not open: tcp 5432"):
            scanned(OLD, request=RESTRICTABLE)
    seen = seen - {80}
    with pytest.raises(Failed, match="declared, but not open: tcp 80"):
        scanned(OLD, 5432, request=RESTRICTABLE)


def test_restricted_ports_are_open_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_scan, "scan", lambda *_: {22, 80})
    with pytest.raises(Failed, match="declared, but not open: tcp 5432"):
        scanned(OLD, 22, 5432, request=RESTRICTABLE)
    monkeypatch.setattr(port_scan, "scan", lambda *_: {22, 80, 5432})
    why = "seen from this machine, as web-old could not scan it: tcp 22 is not open to everybody"
    assert scanned(OLD, 22, 5432, request=RESTRICTABLE).endswith(why)


def test_what_a_neighbour_that_may_not_ask_all_finds_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a port that is not open may be one that it could not ask."""
    seen = {22, 80, 5432}

    monkeypatch.setattr(connection, "Connection", Forbidding)
    monkeypatch.setattr(
        port_scan, "scan", lambda probers, *_: seen if len(probers) > 1 else {22, 80}
    )
    with pytest.raises(Failed, match="open, but not declared: tcp 5432"):
        scanned(OLD)
    seen -= {80, 5432}
    assert "its SSH server forbids that" in scanned(OLD)


def test_a_neighbour_that_forwards_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(probers: list[Prober], *_: object) -> set[int]:
        if not probers:
            raise port_scan.BlindError("tcp 22 does not answer")
        return {22, 80}

    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", look)
    why = "as web-old could not scan it: tcp 22 does not answer"
    assert scanned(OLD).endswith(f"seen from this machine, {why}")
    with pytest.raises(Failed, match=f"its ports cannot be scanned from anywhere, {why}"):
        scanned(OLD, route=replace(HERE, own=False))
