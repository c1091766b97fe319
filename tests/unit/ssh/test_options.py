"""What OpenSSH makes of the options: one policy, however they are written."""

from __future__ import annotations

import codecs
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh.options import Endpoint, SshOptions, literal, quoted, unquoted
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


NAMES = {
    "a blank": "my key",
    "a percent sign": "50%d%%h",
    "a tilde": "~root",
    "a tilde inside": "key~1",
    "quotes": 'a "key"',
    "an apostrophe": "it's",
    "a backslash": "back\\slash",
    "a backslash at the end": "back\\",
    "a backslash before a quote": 'a\\"b',
    "a hash": "#1",
    "a question mark": "what?",
    "a dollar": "$HOME",
    "a comma": "a,b",
    "an equals sign": "a=b",
    "an umlaut": "schlüssel",
    "a bracket": "{a}[b]*",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["argv", "command line", "config"])
def test_a_path_is_meant_literally(
    how: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh says which file it reads; a proxy that ends at once brings it that far."""
    monkeypatch.chdir(tmp_path)
    endpoint = replace(WEB, identity=str(Path(NAMES[name], "id") if "~" in name else NAMES[name]))
    options = SshOptions(endpoint, [ED25519], tmp_path / NAMES[name], proxy="true")
    config = tmp_path / "config"
    config.write_text(options.config_block("web"))
    words = {
        "argv": [*options.argv(), "nixos@127.0.0.1"],
        "command line": shlex.split(options.command_line()),
        "config": ["ssh", "-F", str(config), "web"],
    }[how]
    log = run([words[0], "-v", *words[1:]], check=False).stderr
    seen = re.findall(r"^debug1: identity file (.*) type -?\d+$", log, re.MULTILINE)
    # ssh's log escapes backslashes, and what is not ASCII
    names = [codecs.escape_decode(each)[0].decode() for each in seen]
    read = [Path(each) for each in names if not each.endswith("-cert")]
    # of a setting, in which it is a home
    assert read == [Path(endpoint.identity).expanduser()]
    told = dict(line.strip().partition(" ")[::2] for line in options.config_block("x").splitlines())
    assert unquoted(told["UserKnownHostsFile"]) == str(tmp_path / NAMES[name])


@pytest.mark.parametrize(
    "name", ["a\nProxyCommand id", "a\rb", "a\tb", "${HOME}", "a\x1b[2J", "\0"]
)
def test_a_path_that_ssh_cannot_be_given_is_refused(name: str) -> None:
    for act in (quoted, literal):
        with pytest.raises(FlakeshipError) as raised:
            act(Path(name))
        assert raised.value.code == "path-unusable"
        assert raised.value.given.isprintable()


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


def test_a_proxy_is_meant_literally(tmp_path: Path) -> None:
    """ssh expands `%` in it before a shell runs it."""
    gate = Endpoint("bastion", "2001:db8::7", 2222, "alice", "/50%h it's/key")
    proxy = SshOptions(gate, [ED25519]).proxy_to("10.0.0.2", 22)
    *login, option, target = shlex.split(proxy)
    assert login == SshOptions(gate, [ED25519]).login()
    assert (login[-1], option, target) == ("alice@2001:db8::7", "-W", "10.0.0.2:22")
    assert understood(login)["forwardagent"] == "no"
    config = tmp_path / "config"
    options = SshOptions(WEB, [ED25519], proxy=f"true {proxy}")
    config.write_text(options.config_block("web"))
    for words in (shlex.split(options.command_line()), ["ssh", "-F", str(config), "web"]):
        log = run([words[0], "-v", *words[1:]], check=False).stderr
        (line,) = re.findall(
            r"^debug1: Executing proxy command: exec true (.*)$", log, re.MULTILINE
        )
        assert line.strip() == proxy
