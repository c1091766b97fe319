"""`make ssh` finds the server that is meant, or says which there are."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from flakeship import login
from flakeship.errors import FlakeshipError

LOCAL: dict[str, Any] = {"web": {"ssh": "ssh -F .state/dev/ssh_config web"}}
CLOUD: dict[str, Any] = {
    "web": {"ssh": "ssh -o 'K=echo web' nixos@203.0.113.7", "address": "203.0.113.7", "jump": {}},
    "db": {"ssh": "ssh -p 22 nixos@10.20.0.5", "address": "10.20.0.5", "jump": None},
}
CLOUD["web"]["jump"] = {"name": "web-1"}


@pytest.mark.parametrize("name", ["web", ""])
def test_the_only_server_needs_no_name(name: str) -> None:
    assert login.command(LOCAL, name, str) == "ssh -F .state/dev/ssh_config web"


def test_a_name_is_needed_among_several() -> None:
    with pytest.raises(FlakeshipError, match=r"which server\? There are web, db: `make ssh SERVER"):
        login.command(CLOUD, "", str)


def test_a_near_match_is_offered() -> None:
    with pytest.raises(
        FlakeshipError, match="wbe: there is no such server, there are web, db; did"
    ):
        login.command(CLOUD, "wbe", str)
    with pytest.raises(FlakeshipError, match=r"there are web$"):
        login.command(LOCAL, "mail", str)


def test_nothing_verified_yet() -> None:
    with pytest.raises(FlakeshipError, match="no server that is verified: `make up` makes one"):
        login.command({}, "web", str)


def test_a_public_address_is_gone_to_directly() -> None:
    assert login.command(CLOUD, "web", str) == CLOUD["web"]["ssh"]


def test_an_inner_address_is_gone_to_through_a_server_that_has_a_public_one() -> None:
    words = shlex.split(login.command(CLOUD, "db", str))
    proxy = "ProxyCommand=ssh -o 'K=echo web' nixos@203.0.113.7 -W 10.20.0.5:22"
    assert words == ["ssh", "-p", "22", "-o", proxy, "nixos@10.20.0.5"]


def test_an_inner_address_that_nothing_leads_to_is_tried() -> None:
    said: list[str] = []
    assert login.command({"db": CLOUD["db"]}, "db", said.append) == CLOUD["db"]["ssh"]
    assert said[0].startswith("db has only its address inside, 10.20.0.5, and no server")
