"""Verifying an existing server: the address of the active one, and what a failure means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import verify_server
from tests.targets.openstack.unit.conftest import refused
from tests.targets.openstack.unit.fake_cloud import Cloud, port
from tests.targets.openstack.unit.samples import REQUEST
from tests.unit.verify.machines import ED25519, OTHER, block

STABLE = "203.0.113.7"
LIVE = replace(REQUEST, stable=STABLE)


def check_address(memory: Cloud, request: VerifyServerRequest = LIVE) -> None:
    verify_server.check_address(memory.network, request, "prod")


def drift(memory: Cloud) -> FlakeshipError:
    """The refusal of an address that does not lead to the server."""
    error = refused(lambda: check_address(memory))
    assert (error.code, error.key) == ("address-drifted", LIVE.machine)
    assert error.what.startswith(f"its address {STABLE} ")
    assert error.what.endswith(", not to its port port-1")
    assert "`make up STACK=prod`" in error.remedy
    assert "refresh" not in error.remedy  # `up` sees it by itself
    return error


def test_an_address_that_leads_to_it(memory: Cloud) -> None:
    check_address(memory, REQUEST)
    assert not memory.calls
    memory.floating(floating_ip_address=STABLE, port_id="port-1")
    check_address(memory)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (None, "leads nowhere, not"),
        ("port-2", "leads to the port port-2 of the server server-2, not"),
        ("port-3", "leads to the port port-3, not"),
        ("port-4", "leads to the port port-4, not"),
    ],
)
def test_an_address_that_leads_elsewhere(memory: Cloud, where: str | None, said: str) -> None:
    memory.put("ports", port("port-2", "server-2"), port("port-3"))
    memory.floating(floating_ip_address=STABLE, port_id=where)
    assert said in drift(memory).what


def test_an_address_that_is_gone(memory: Cloud) -> None:
    assert "no longer exists in this project" in drift(memory).what


@pytest.fixture
def meanings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the examinations are told that a failure means; they all pass."""
    told: list[str] = []

    def examine(*_: object, on_failure: str, **__: object) -> Evidence:
        told.append(on_failure)
        return Evidence(LIVE.machine, 1, [], 1.0, [])

    monkeypatch.setattr(verify_server, "examine", examine)
    return told


def test_the_active_one_needs_its_address(meanings: list[str], memory: Cloud) -> None:
    error = refused(lambda: verify_server.verify_existing(LIVE, "", "prod", active=True))
    assert error.code == "address-drifted"
    assert not meanings
    memory.floating(floating_ip_address=STABLE, port_id="port-1")
    verify_server.verify_existing(LIVE, "", "prod", active=True)
    assert "it still has its name and address" in meanings[0]
    assert "`openstack --os-cloud fake server delete server-1`, then `make up" in meanings[0]


@pytest.mark.usefixtures("memory")
def test_a_standby_does_not(meanings: list[str]) -> None:
    verify_server.verify_existing(LIVE, "", "prod", active=False)
    assert meanings == [verify_server.STANDBY]


@pytest.mark.parametrize("how", ["up", "active", "standby"])
def test_a_changed_host_key_is_never_answered_by_a_replacement_in_place(
    memory: Cloud, how: str
) -> None:
    """Pulumi would replace the server before another one is verified, which is refused."""
    memory.console = block(OTHER)
    memory.floating(floating_ip_address=STABLE, port_id="port-1")
    proof = codec.dump(Evidence(LIVE.machine, 1, [ED25519], 1.0, []))

    def verify() -> Evidence:
        if how == "up":
            return verify_server.verify_server(LIVE, [ED25519])
        return verify_server.verify_existing(LIVE, proof, "dev", active=how == "active")

    error = refused(verify)
    assert (error.code, error.key) == ("host-key-changed", LIVE.machine)
    assert "`openstack --os-cloud fake server delete server-1`, then `make up" in error.remedy
    assert "--replace" not in str(error)
