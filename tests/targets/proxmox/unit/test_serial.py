"""The serial console over a websocket, as the lab serves it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dev.proxmox.server import Server
from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import stream
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.guest import serial
from flakeship.targets.proxmox.guest.serial import Serial
from flakeship.verify.console import END_SHOWN, announced_keys
from tests.targets.proxmox.unit.lab import Speaking, lab, login, machine
from tests.targets.proxmox.unit.machine import VMID
from tests.unit.verify.machines import ED25519, OTHER, block

PATIENCE = 20.0


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> Speaking:
    monkeypatch.setattr(serial, "FIRST", 0.05)
    monkeypatch.setattr(serial, "TURN", 0.05)
    return Speaking()


@pytest.fixture
def server(tmp_path: Path, guests: Speaking) -> Iterator[Server]:
    with lab(tmp_path, guests) as found:
        yield found


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not become so"
        time.sleep(0.01)


def test_what_a_guest_writes_is_read(server: Server, guests: Speaking) -> None:
    before = threading.active_count()
    with machine(login(server)) as guest, Serial(guest) as console:
        until(lambda: "starting serial terminal" in console.read())
        assert console.obstacle.reason == ""
        guests.say("\x1b[2Jboot\r\n")
        until(lambda: console.read().endswith("boot\n"))
        for part in block(ED25519):
            guests.say(part)
        until(lambda: announced_keys(console) == [ED25519])
        guests.say(b"\xff" * 3 * END_SHOWN)
        guests.say("\nthe end\n")
        until(lambda: console.read().endswith("the end\n"))
        assert len(console.read()) < 2 * END_SHOWN
        assert announced_keys(console) == [ED25519], "what was announced stays known"
        assert f"qm terminal {VMID}" in console.name
    assert not [each for each in threading.enumerate() if each.name.startswith("console of")]
    until(lambda: threading.active_count() <= before)
    until(lambda: not server.lab.terminals._open)  # the terminal on the node has ended too


def test_a_terminal_that_ends_is_opened_again(server: Server, guests: Speaking) -> None:
    with machine(login(server)) as guest, Serial(guest) as console:
        until(lambda: guests.ends)
        guests.say("first\n")
        until(lambda: "first" in console.read())
        guests.ends[0].close()
        until(lambda: len(guests.ends) == 2)
        guests.say("second\n")
        until(lambda: "second" in console.read())
        assert "first" in console.read()


def test_a_machine_without_a_serial_port(server: Server, guests: Speaking) -> None:
    guests.serial = False
    with machine(login(server)) as guest, Serial(guest) as console:
        until(lambda: "unable to find a serial interface" in console.read())
        until(lambda: console.obstacle.reason)


def test_without_the_privilege_it_is_tried_once(server: Server, guests: Speaking) -> None:
    privileges = ["VM.Audit", "VM.GuestAgent.Audit"]
    server.lab.access.add_token("few@pve!ci", {"/pool/iac": privileges})
    with machine(login(server, "few@pve!ci")) as guest, Serial(guest) as console:
        until(lambda: console.obstacle.denied)
        assert console.obstacle.denied
        assert console.obstacle.denied.privileges == ["VM.Console"]
        until(lambda: not console._thread.is_alive())
        assert console.read() == ""
    assert guests.ends == []


def test_a_proxmox_that_takes_no_tickets_of_tokens(tmp_path: Path, guests: Speaking) -> None:
    with (
        lab(tmp_path, guests, "8.4") as server,
        machine(login(server)) as guest,
        Serial(guest) as console,
    ):
        until(lambda: console.obstacle.reason)
        assert "pve-access-control" in console.obstacle.reason
        assert console.obstacle.denied is None
    assert guests.ends == []


def test_a_websocket_is_trusted_as_a_call_is(server: Server) -> None:
    given = login(server)
    path = ("nodes", "pve", "qemu", str(VMID), "vncwebsocket")

    def failure(**changed: str) -> FlakeshipError:
        other = replace(given, **changed)
        with pytest.raises(FlakeshipError) as caught, stream.opened(other, *path, port=5900):
            pass
        assert given.token not in str(caught.value)
        return caught.value

    assert failure(ca_file="").code == "certificate-untrusted"
    pinned = server.lab.fingerprint
    wrong = failure(ca_file="", fingerprint=pinned.replace(pinned[:2], "00"))
    assert wrong.code == "certificate-untrusted"
    # what is trusted by its fingerprint alone is asked, and refuses what has no ticket
    refused = failure(ca_file="", fingerprint=pinned)
    assert isinstance(refused, ApiError)
    assert refused.status == 400
    nobody = failure(endpoint="https://127.0.0.1:9")
    assert nobody.code == "api-unreachable"


def test_a_wrong_ticket_lets_nobody_in(server: Server) -> None:
    path = ("nodes", "pve", "qemu", str(VMID), "vncwebsocket")
    with (
        pytest.raises(ApiError) as caught,
        stream.opened(login(server), *path, port=5900, vncticket="PVEVNC:x"),
    ):
        pass
    assert caught.value.status == 401


def test_another_announcement_replaces_the_first(server: Server, guests: Speaking) -> None:
    with machine(login(server)) as guest, Serial(guest) as console:
        until(lambda: guests.ends)
        guests.say(block(ED25519) + "more\n" + block(OTHER))
        until(lambda: announced_keys(console) == [OTHER])
