"""`make ssh` finds the server that is meant, or says which there are."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.codec import dump
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.operate import login
from flakeship.state.stack import Stack
from tests.targets.openstack.unit.small_cloud import REVIEW
from tests.unit.verify.machines import ED25519

LOCAL: dict[str, Any] = {"web": {"machine": "web-2", "ssh": "ssh -F .state/dev/ssh_config web"}}
CLOUD: dict[str, Any] = {
    "web": {"ssh": "ssh -o 'K=echo web' nixos@203.0.113.7", "address": "203.0.113.7", "jump": {}},
    "db": {"ssh": "ssh -p 22 nixos@10.20.0.5", "address": "10.20.0.5", "jump": None},
}
CLOUD["web"] |= {"jump": {"name": "web-2"}, "machine": "web-2"}
CLOUD["db"] |= {"machine": "db-2"}


def command(
    servers: dict[str, Any],
    name: str,
    progress: Callable[[str], object],
    resources: Sequence[dict[str, Any]] = (),
) -> str:
    told = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": {"servers": servers}}
    return login.command(Stack("dev", {"resources": [told, *resources]}), name, progress)


def port(machine: str) -> dict[str, Any]:
    addresses = ["fd00::9", "10.20.0.9"]
    return {"urn": f"u::port-{machine}", "type": "p", "outputs": {"allFixedIps": addresses}}


def verification(machine: str) -> dict[str, Any]:
    asked = replace(REVIEW.verify, machine=machine, user="nixos", identity="/key")
    request = dump(replace(REVIEW, verify=asked))
    done = dump(Evidence(machine, 1, [ED25519], 3.0, []))
    return {
        "urn": f"u::verification-{machine}",
        "type": "c",
        "inputs": {"stdin": request},
        "outputs": {"stdout": done},
    }


@pytest.mark.parametrize("name", ["web", ""])
def test_the_only_server_needs_no_name(name: str) -> None:
    assert command(LOCAL, name, str) == "ssh -F .state/dev/ssh_config web"


def test_a_name_is_needed_among_several() -> None:
    with pytest.raises(FlakeshipError, match=r"which server\? There are web, db: `make ssh SERVER"):
        command(CLOUD, "", str)


def test_a_near_match_is_offered() -> None:
    with pytest.raises(
        FlakeshipError, match="wbe: there is no such server, there are web, db; did"
    ):
        command(CLOUD, "wbe", str)
    with pytest.raises(FlakeshipError, match=r"there are web$"):
        command(LOCAL, "mail", str)


def test_nothing_verified_yet() -> None:
    with pytest.raises(FlakeshipError, match="no server that is verified: `make up` makes one"):
        command({}, "web", str)


def test_a_public_address_is_gone_to_directly() -> None:
    assert command(CLOUD, "web", str) == CLOUD["web"]["ssh"]


def test_an_inner_address_is_gone_to_through_a_server_that_has_a_public_one() -> None:
    words = shlex.split(command(CLOUD, "db", str))
    proxy = "ProxyCommand=ssh -o 'K=echo web' nixos@203.0.113.7 -W 10.20.0.5:22"
    assert words == ["ssh", "-p", "22", "-o", proxy, "nixos@10.20.0.5"]


def test_an_inner_address_that_nothing_leads_to_is_tried() -> None:
    said: list[str] = []
    assert command({"db": CLOUD["db"]}, "db", said.append) == CLOUD["db"]["ssh"]
    assert said[0].startswith("db has only its address inside, 10.20.0.5, and no server")


PROXY = f"ProxyCommand={CLOUD['web']['ssh']} -W 10.20.0.9:22"


def test_an_older_machine_is_gone_to_through_an_active_server() -> None:
    state = [port("web-1"), verification("web-1"), verification("web-2")]
    words = shlex.split(command(CLOUD, "web-1", str, state))
    assert words[-2:] == [PROXY, "nixos@10.20.0.9"]
    assert "HostKeyAlias=web-1" in words
    assert f"KnownHostsCommand=/usr/bin/env echo web-1 {ED25519}" in words
    assert words[words.index("-i") + 1] == "/key"


def test_one_that_is_not_verified_has_no_pinned_key() -> None:
    words = shlex.split(command(CLOUD, "web-3", str, [port("web-3"), verification("web-2")]))
    assert words[-2:] == [PROXY, "nixos@10.20.0.9"]
    assert not any(word.startswith("KnownHosts") for word in words)


def test_the_active_machine_is_its_server() -> None:
    assert command(CLOUD, "web-2", str, [port("web-2")]) == CLOUD["web"]["ssh"]


@pytest.mark.parametrize(("servers", "name"), [(CLOUD, "web-7"), ({"db": CLOUD["db"]}, "web-1")])
def test_a_machine_that_is_not_there_or_cannot_be_gone_to(
    servers: dict[str, Any], name: str
) -> None:
    with pytest.raises(FlakeshipError, match=f"{name}: there is no such server"):
        command(servers, name, str, [port("web-1"), verification("web-1")])
