"""The host keys of a machine come from its console or its agent, whichever is first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.guest import console, guest
from flakeship.targets.proxmox.guest.console import GuestConsole
from flakeship.targets.proxmox.guest.guest import Guest
from flakeship.verify.console import announced_keys, await_keys
from tests.targets.proxmox.unit.cluster import Cluster
from tests.targets.proxmox.unit.machine import (
    denied,
    key_files,
    machine,
    refused,
    status,
)
from tests.targets.proxmox.unit.test_address import Shown, forbidden
from tests.unit.verify.machines import ED25519, OTHER, block

SILENT = refused("QEMU guest agent is not running")


@pytest.fixture
def found(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(guest, "PACE", 0.0)
    monkeypatch.setattr(console, "AGAIN", 0.0)
    status(cluster)
    with machine(cluster) as made:
        yield made


def made(found: Guest, shown: Shown, *, up: bool = True) -> GuestConsole:
    return GuestConsole(found, shown, lambda: up)


def test_the_console_announces_them(cluster: Cluster, found: Guest) -> None:
    both = made(found, Shown(f"boot\n{block(ED25519)}"))
    assert announced_keys(both) == [ED25519]
    assert both.announced_where() == "on the console"
    assert cluster.calls == [], "the agent is not asked"


def test_the_agent_tells_them(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, ed25519=f"{OTHER} root@web")
    both = made(found, Shown("boot\n"))
    assert announced_keys(both) == [OTHER]
    assert both.announced_where() == "by its guest agent"
    asked = len(cluster.asked)
    assert announced_keys(both) == [OTHER]
    assert len(cluster.asked) == asked, "it is asked once"
    assert both.read().startswith("boot\n")


def test_a_later_announcement_on_the_console_counts(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, ed25519=OTHER)
    shown = Shown()
    both = made(found, shown)
    assert announced_keys(both) == [OTHER]
    shown.text = block(ED25519)
    assert announced_keys(both) == [ED25519]


def test_keys_that_may_not_be_all_of_them_do_not_count(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, rsa=OTHER)
    up = [False, False, True]
    both = GuestConsole(found, Shown(), lambda: up.pop(0))
    assert announced_keys(both) == []
    assert announced_keys(both) == []
    assert announced_keys(both) == [OTHER]


def test_a_silent_agent_is_asked_again(
    cluster: Cluster, found: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_files(cluster, ed25519=SILENT)
    both = made(found, Shown())
    assert announced_keys(both) == []
    assert "not running" in both.obstacles[1].reason
    key_files(cluster, ed25519=ED25519)
    assert announced_keys(both) == [ED25519]
    assert both.obstacles[1].reason == ""
    monkeypatch.setattr(console, "AGAIN", 3600.0)
    key_files(cluster, ed25519=SILENT)
    later = made(found, Shown())
    asked = len(cluster.asked)
    for _ in range(3):
        later.read()
    assert len(cluster.asked) == asked + 1, "but not at each reading"


def test_no_keys_at_all_is_told(cluster: Cluster, found: Guest) -> None:
    key_files(cluster)
    both = made(found, Shown())
    both.read()
    assert "/etc/ssh" in both.obstacles[1].reason


def test_a_missing_privilege_of_one_leaves_the_other(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, ed25519=denied("VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted"))
    shown = Shown()
    both = made(found, shown, up=False)
    assert announced_keys(both) == []
    assert both.obstacles[1].denied, "it is known before the machine is up"
    both.watch()
    asked = len(cluster.asked)
    both.read()
    assert len(cluster.asked) == asked, "and it is not asked again"
    shown.text = block(ED25519)
    assert announced_keys(both) == [ED25519]


def test_without_the_privilege_for_the_console_the_agent_serves(
    cluster: Cluster, found: Guest
) -> None:
    key_files(cluster, ed25519=ED25519)
    both = made(found, Shown(denied=forbidden("VM.Console")))
    assert await_keys(both, 5, watch=both.watch) == [ED25519]


def test_without_both_nobody_waits(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, ed25519=denied("VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted"))
    both = made(found, Shown(denied=forbidden("VM.Console")))
    with pytest.raises(FlakeshipError) as caught:
        await_keys(both, 3600, watch=both.watch)
    assert caught.value.code == "privilege-missing"
    console_line, agent_line = caught.value.details
    assert "--privs VM.Console;" in console_line
    assert "--privs VM.GuestAgent.FileRead;" in agent_line
    assert both.read() == "forbidden", "what it shows says why it shows nothing"
