"""What a guest agent answers: addresses and host keys, or what is none of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.guest import agent
from flakeship.targets.proxmox.guest.agent import AgentError
from flakeship.targets.proxmox.guest.guest import Guest
from tests.targets.proxmox.unit.cluster import Cluster, Reply
from tests.targets.proxmox.unit.machine import (
    AGENT,
    PATH,
    card,
    cards,
    denied,
    key_files,
    machine,
    refused,
)
from tests.unit.verify.machines import ED25519, OTHER

INTERFACES = f"{AGENT}/network-get-interfaces"


@pytest.fixture
def found(cluster: Cluster) -> Iterator[Guest]:
    with machine(cluster) as made:
        yield made


def told(guest: Guest) -> tuple[str, str]:
    found = agent.addresses(guest)
    return str(found.ipv4 or ""), str(found.ipv6 or "")


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["192.0.2.10"], ("192.0.2.10", "")),
        (["169.254.7.1", "fe80::1", "2001:db8::1", "10.0.0.7", "10.0.0.8"],
         ("10.0.0.7", "2001:db8::1")),
        (["fd00::1"], ("", "fd00::1")),
        (["nonsense", "", "999.1.1.1", "127.0.0.2", "224.0.0.1", "0.0.0.0"], ("", "")),
        ([], ("", "")),
    ],
)  # fmt: skip
def test_the_addresses_of_its_own_card(
    cluster: Cluster, found: Guest, addresses: list[str], expected: tuple[str, str]
) -> None:
    cards(cluster, *addresses)
    assert told(found) == expected


def test_a_bridge_with_the_address_of_the_card_is_the_card(cluster: Cluster, found: Guest) -> None:
    cards(cluster)
    mine = card("br0", "bc:24:11:00:00:01", "192.0.2.10")
    cluster.get(f"{PATH}/agent/network-get-interfaces", {"result": [mine]})
    assert told(found) == ("192.0.2.10", "")


def test_the_card_of_nobody_has_no_address(cluster: Cluster, found: Guest) -> None:
    cards(cluster, "192.0.2.10", hardware="02:00:00:00:00:01")
    assert told(found) == ("", "")


@pytest.mark.parametrize(
    "result",
    [None, [], "x", 7, [7], [{"ip-addresses": "x"}], [{"name": "x" * 10**6, "ip-addresses": 1}],
     [{"hardware-address": "x" * 1000}], {"error": {"class": "x", "desc": "is disabled"}},
     [{}] * 5000, [{"ip-addresses": [{"ip-address": "1" * 1000}]}]],
    ids=lambda each: json.dumps(each)[:20],
)  # fmt: skip
def test_what_is_no_answer_has_no_address(cluster: Cluster, found: Guest, result: Any) -> None:
    cards(cluster)
    cluster.get(f"{PATH}/agent/network-get-interfaces", {"result": result})
    if result == []:
        assert told(found) == ("", "")
        return
    with pytest.raises(AgentError) as caught:
        agent.addresses(found)
    assert 0 < len(str(caught.value)) < 600


def test_keys_of_every_kind(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, ed25519=f"{ED25519} root@web\n", ecdsa=f"{OTHER}\n")
    assert agent.keys(found) == sorted([ED25519, OTHER])
    key_files(cluster)
    assert agent.keys(found) == []


@pytest.mark.parametrize(
    "content",
    ["", "x", "ssh-ed25519 AAAA", "\x1b[2J" * 100, f"{ED25519} a b c", ED25519 + "x" * 20_000,
     "-----END SSH HOST KEY KEYS-----", "\ud800"],
    ids=range(8),
)  # fmt: skip
def test_a_file_that_is_no_key(cluster: Cluster, found: Guest, content: str) -> None:
    key_files(cluster, rsa=content)
    assert agent.keys(found) == []


def test_a_file_that_was_cut_is_no_key(cluster: Cluster, found: Guest) -> None:
    key_files(cluster, rsa=Reply({"data": {"content": f"{ED25519}\n", "truncated": 1}}))
    assert agent.keys(found) == []


@pytest.mark.parametrize(
    "text", ["QEMU guest agent is not running", "No QEMU guest agent configured",
             "Agent error: Command guest-file-open has been disabled"],
)  # fmt: skip
def test_an_agent_that_does_not_answer(cluster: Cluster, found: Guest, text: str) -> None:
    key_files(cluster, ed25519=refused(text))
    with pytest.raises(AgentError, match=text):
        agent.keys(found)
    cards(cluster)
    cluster.replies[INTERFACES] = refused(text)
    with pytest.raises(AgentError, match=text):
        agent.addresses(found)


@pytest.mark.parametrize(
    "privileges", ["VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted", "VM.Monitor"]
)
def test_a_missing_privilege_is_that(cluster: Cluster, found: Guest, privileges: str) -> None:
    key_files(cluster, ed25519=denied(privileges))
    with pytest.raises(FlakeshipError) as caught:
        agent.keys(found)
    assert caught.value.code == "privilege-missing"
    (line,) = caught.value.details
    first = privileges.partition("|")[0]
    assert f"--privs {first};" in line, "one of them is enough, and the smallest is named first"
