"""The address of a machine by DHCP: by its agent or its console, whichever tells it first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest import guest
from flakeship.targets.proxmox.guest.address import Finder, elsewhere, leased
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.targets.proxmox.guest.obstacles import Obstacle, explain, hints
from tests.targets.proxmox.unit.cluster import Cluster
from tests.targets.proxmox.unit.machine import (
    AGENT,
    NAME,
    VMID,
    cards,
    denied,
    machine,
    refused,
    status,
)
from tests.unit.verify import consoles

CLOUD_INIT = """\
ci-info: +++++++++++++++++++++++++++++Net device info++++++++++++++++++++++++
ci-info: |  lo    | True |   127.0.0.1    |   255.0.0.0   |  host  |    .    |
ci-info: |  eth0  | True | 192.0.2.10     | 255.255.255.0 | global | bc:24:11|
ci-info: |  eth1  | False|       .        |       .       |   .    | bc:24:11|
"""
SILENT = refused("QEMU guest agent is not running")
CONSOLE = "The serial console"


class Shown:
    """Stands for the serial console."""

    def __init__(self, text: str = "", denied: ApiError | None = None) -> None:
        self.text = text
        self.obstacle = Obstacle(CONSOLE, denied.what if denied else "", denied)
        self.name, self.pace = "`qm terminal`", 0.0

    def read(self) -> str:
        return self.text


@pytest.fixture
def found(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(guest, "PACE", 0.0)
    status(cluster)
    with machine(cluster) as made:
        yield made


def forbidden(privilege: str) -> ApiError:
    """What a call that lacks a privilege raises."""
    return ApiError("forbidden", code="privilege-missing", status=403, privileges=[privilege])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (consoles.LEASE, "10.0.2.15"),
        (consoles.NETWORKD_LEASE, "10.0.0.7"),
        (consoles.UDHCPC, "10.0.2.15"),
        (CLOUD_INIT, "192.0.2.10"),
        (consoles.LEASE + consoles.NETWORKD_LEASE, "10.0.0.7"),
        (consoles.DHCPCD, ""),
        ("eth0: leased 127.0.0.1 for 1 seconds", ""),
        ("eth0: leased 999.1.1.1 for 1 seconds", ""),
        ("eth0: leased 1.1.1.1.1 for 1 seconds", ""),
        (consoles.LEASE + "eth0: leased 169.254.0.1 for 1 seconds", "10.0.2.15"),
        ("ci-info: |" * 20_000, ""),
        ("ci-info: | " + " " * 60_000, ""),
    ],
)
def test_what_a_console_shows_of_a_lease(text: str, expected: str) -> None:
    assert leased(text) == expected


def test_the_agent_tells_it(cluster: Cluster, found: Guest) -> None:
    cards(cluster, "192.0.2.10")
    assert Finder(found, Shown()).wait(5) == "192.0.2.10"


def test_the_console_tells_it_before_the_agent_runs(cluster: Cluster, found: Guest) -> None:
    cluster.replies[f"{AGENT}/network-get-interfaces"] = SILENT
    cards_asked = Shown(consoles.LEASE)
    assert Finder(found, cards_asked).wait(5) == "10.0.2.15"


def test_nobody_tells_it(cluster: Cluster, found: Guest) -> None:
    cards(cluster, "2001:db8::1")
    finder = Finder(found, Shown())
    with pytest.raises(FlakeshipError) as caught:
        finder.wait(0.3)
    assert (caught.value.code, caught.value.key) == ("address-missing", NAME)
    assert "2001:db8::1" in finder.obstacles[1].reason
    cluster.replies[f"{AGENT}/network-get-interfaces"] = SILENT
    finder = Finder(found, Shown())
    with pytest.raises(FlakeshipError):
        finder.wait(0.3)
    assert "not running" in hints(found, finder.obstacles)[-1]


def test_one_that_stops_meanwhile_is_not_waited_for(cluster: Cluster, found: Guest) -> None:
    cards(cluster)
    status(cluster, "stopped")
    with pytest.raises(FlakeshipError) as caught:
        Finder(found, Shown()).wait(3600)
    assert caught.value.code == "machine-stopped"


def test_the_privilege_that_the_agent_needed_is_named(cluster: Cluster, found: Guest) -> None:
    cards(cluster)
    call = f"{AGENT}/network-get-interfaces"
    cluster.replies[call] = denied("VM.GuestAgent.Audit|VM.GuestAgent.Unrestricted")
    finder = Finder(found, Shown())
    with pytest.raises(FlakeshipError) as caught:
        finder.wait(2)
    assert cluster.calls.count(call) == 1, "it is not asked again"
    explain(caught.value, found, finder.obstacles)
    (line,) = caught.value.details
    assert "--privs VM.GuestAgent.Audit;" in line
    assert "acl modify /pool/iac " in line


def test_where_neither_may_be_used_nobody_waits(cluster: Cluster, found: Guest) -> None:
    cards(cluster)
    cluster.replies[f"{AGENT}/network-get-interfaces"] = denied("VM.Monitor")
    console = Shown(denied=forbidden("VM.Console"))
    with pytest.raises(FlakeshipError) as caught:
        Finder(found, console).wait(3600)
    error = caught.value
    assert (error.code, error.key) == ("privilege-missing", NAME)
    console_line, agent_line = error.details
    assert "--privs VM.Console;" in console_line
    assert "--privs VM.Monitor;" in agent_line


def test_other_addresses_than_the_one_that_was_given(cluster: Cluster, found: Guest) -> None:
    cards(cluster, "192.0.2.10", "2001:db8::1")
    (line,) = elsewhere(found, "192.0.2.11")
    assert "192.0.2.10, 2001:db8::1, not 192.0.2.11" in line
    assert elsewhere(found, "192.0.2.10") == []
    cluster.replies[f"{AGENT}/network-get-interfaces"] = SILENT
    assert elsewhere(found, "192.0.2.11") == []


def test_what_a_person_can_look_at(found: Guest) -> None:
    lines = hints(found, [Obstacle("The guest agent", "silent"), Obstacle(CONSOLE, "")])
    assert f"`qm terminal {VMID}`" in lines[0]
    assert lines[1:] == ["  The guest agent: silent"]
