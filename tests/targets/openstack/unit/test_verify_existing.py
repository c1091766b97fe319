"""`make verify` on a cloud: the address of the active server, and what a failure means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.api import connection
from flakeship.targets.openstack.servers import verify_existing, verify_server
from tests.targets.openstack.unit.small_cloud import REVIEW, SmallCloud, port

STABLE = "203.0.113.7"
LIVE = replace(REVIEW, stable=STABLE)
REMEDY = "`pulumi refresh --stack prod` .* `make up STACK=prod` then puts it right"


def holds(small: Any, request: Any = LIVE) -> None:
    verify_existing.holds(small, request, "prod")


def test_an_address_that_leads_to_it(small: SmallCloud) -> None:
    holds(small, REVIEW)
    assert not small.calls
    small.floating(floating_ip_address=STABLE, port_id="port-1")
    holds(small)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (None, "leads nowhere now"),
        ("port-2", "leads to the port port-2 of the server server-2 now"),
        ("port-3", "leads to the port port-3 now"),
        ("port-4", "leads to the port port-4 now"),
    ],
)
def test_an_address_that_leads_elsewhere(small: SmallCloud, where: str | None, said: str) -> None:
    small.things["ports"] |= {"port-2": port("server-2"), "port-3": port("")}
    small.floating(floating_ip_address=STABLE, port_id=where)
    with pytest.raises(FlakeshipError, match=f"{STABLE} {said}, and should .* port-1. {REMEDY}"):
        holds(small)


def test_an_address_that_is_gone(small: SmallCloud) -> None:
    with pytest.raises(FlakeshipError, match=f"{STABLE} does not exist any more .* {REMEDY}"):
        holds(small)


@pytest.fixture
def standings(small: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the examinations are told of their servers; they all pass."""
    told: list[str] = []

    @contextmanager
    def connected(_: str) -> Iterator[SmallCloud]:
        yield small

    def examine(*_: object, on_failure: str) -> Evidence:
        told.append(on_failure)
        return Evidence(LIVE.machine, 1, [], 1.0, [])

    monkeypatch.setattr(connection, "connected", connected)
    monkeypatch.setattr(verify_server, "examine", examine)
    return told


def test_the_active_one_needs_its_address(standings: list[str], small: SmallCloud) -> None:
    with pytest.raises(FlakeshipError, match=f"{STABLE} does not exist"):
        verify_existing.verify_existing(LIVE, "", str, "prod", active=True)
    assert not standings
    small.floating(floating_ip_address=STABLE, port_id="port-1")
    verify_existing.verify_existing(LIVE, "", str, "prod", active=True)
    assert "it still has its name and address" in standings[0]
    assert "`openstack --os-cloud fake server delete server-1`, then `make up" in standings[0]


def test_an_older_one_does_not(standings: list[str]) -> None:
    verify_existing.verify_existing(LIVE, "", str, "prod", active=False)
    assert standings == [verify_existing.BEHIND]
