"""What OpenSSH makes of the options: one policy, however they are written."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system.process import run
from tests.unit.verify.machines import ED25519

WEB = Endpoint("web-1", "127.0.0.1", 22022, "nixos", "/k %/id")
KEYS = Path("/a %d b/known_hosts")
PINNED = {
    "hostname": "127.0.0.1",
    "port": "22022",
    "user": "nixos",
    "hostkeyalias": "web-1",
    "stricthostkeychecking": "true",
    "globalknownhostsfile": "/dev/null",
    "updatehostkeys": "false",
    "serveraliveinterval": "10",
    "serveralivecountmax": "3",
    "identitiesonly": "yes",
}


def understood(words: list[str]) -> dict[str, str]:
    """The options that ssh takes from a command line."""
    lines = run([words[0], "-G", *words[1:]]).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def written(how: str, tmp_path: Path) -> list[str]:
    options = SshOptions(WEB, [ED25519], KEYS)
    if how == "argv":
        return [*options.argv(), "nixos@127.0.0.1"]
    if how == "command line":
        return shlex.split(options.command_line())
    config = tmp_path / "config"
    config.write_text(options.config_block("web"))
    return ["ssh", "-F", str(config), "web"]


@pytest.mark.parametrize("how", ["argv", "command line", "config"])
def test_the_policy_is_the_same_however_it_is_written(how: str, tmp_path: Path) -> None:
    found = understood(written(how, tmp_path))
    assert PINNED.items() <= found.items()
    assert found["userknownhostsfile"].replace("%d", "%%d") == "/a %%d b/known_hosts"
    assert found["hostkeyalgorithms"] == "ssh-ed25519"
    assert (found["batchmode"] == "yes") == (how == "argv")


def test_a_program_never_asks() -> None:
    found = understood([*SshOptions(WEB, [ED25519], KEYS).argv(), "nixos@127.0.0.1"])
    assert (found["batchmode"], found["preferredauthentications"]) == ("yes", "publickey")
    assert (found["connecttimeout"], found["requesttty"]) == ("20", "false")


def test_a_command_line_carries_the_pinned_key() -> None:
    found = understood(shlex.split(SshOptions(WEB, [ED25519, "ssh-rsa AAAA"]).command_line()))
    assert found["knownhostscommand"] == f"/usr/bin/env echo web-1 {ED25519}"
    assert found["userknownhostsfile"] == "/dev/null"
    assert found["hostkeyalgorithms"] == "ssh-ed25519"


def test_without_a_key_openssh_asks() -> None:
    found = understood(shlex.split(SshOptions(replace(WEB, identity="")).command_line()))
    assert found["stricthostkeychecking"] == "ask"
    assert "knownhostscommand" not in found
    assert found["identitiesonly"] == "no"


def test_through_a_command() -> None:
    proxied = SshOptions(WEB, [ED25519], proxy="ssh old -W 10.0.0.2:22")
    assert understood(shlex.split(proxied.command_line()))["proxycommand"] == proxied.proxy
