"""Logins that a state keeps: those that we write, and what others would have us run."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import stored_login
from flakeship.ssh.options import Endpoint, SshOptions
from tests.unit.verify.machines import ED25519

WEB = Endpoint("web-1", "10.20.0.5", 22, "nixos", "/a key")
GATES = (
    Endpoint("bastion", "198.51.100.7", 2222, "alice", "/it's 50%h; $(id)/key"),
    Endpoint("bastion", "bastion.example.com", 22, "alice"),
    Endpoint("bastion", "2001:db8::7", 22, "alice"),
)


def through(gate: Endpoint = GATES[0]) -> str:
    return SshOptions(gate, [ED25519]).proxy_to(WEB.address, WEB.port)


def written(proxy: str = "") -> str:
    return SshOptions(WEB, [ED25519], proxy=proxy).command_line()


def test_a_login_goes_straight_to_its_server() -> None:
    login = stored_login.read(written(), "server web")
    assert (shlex.join(login.words), login.bastion) == (written(), ())


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.address)
def test_a_login_goes_through_a_bastion(gate: Endpoint) -> None:
    login = stored_login.read(written(through(gate)), "server web")
    assert shlex.join(login.words) == written(through(gate))
    assert list(login.bastion) == SshOptions(gate, [ED25519]).login()


def test_to_a_server_with_ipv6() -> None:
    six = Endpoint("web-1", "2001:db8::5", 22, "nixos")
    proxy = SshOptions(GATES[0], [ED25519]).proxy_to(six.address, six.port)
    assert proxy.endswith(" -W '[2001:db8::5]:22'")
    text = SshOptions(six, [ED25519], proxy=proxy).command_line()
    assert shlex.join(stored_login.read(text, "server web").words) == text


OURS = through()
NAMED = through(GATES[1])
PROXIES: dict[str, str] = {
    "nothing": " ",
    "another program": "touch /tmp/pwned",
    "none": "none",
    "another ssh": OURS.replace("ssh", "./ssh", 1),
    "a second command": f"{OURS}; touch /tmp/pwned",
    "a second line": f"{OURS}\ntouch /tmp/pwned",
    "a background": f"{OURS} & touch /tmp/pwned",
    "a pipe": f"{OURS} | sh",
    "a substitution in a word": NAMED.replace("alice@", "alice$(id)@"),
    "backquotes": NAMED.replace("alice@", "`id`@"),
    "a quoted option": NAMED.replace("alice@", "'-oProxyCommand=id'@"),
    "another quoting": NAMED.replace("alice@", "'alice'@"),
    "a comment": f"{OURS} # x",
    "a redirection": f"{OURS} >/tmp/pwned",
    "a variable": NAMED.replace("bastion.example.com", "$HOME"),
    "a home": NAMED.replace("/dev/null -p", "~/x -p"),
    "a tab for a blank": NAMED.replace(" -p ", "\t-p "),
    "two blanks": NAMED.replace(" -p ", "  -p "),
    "a configuration": NAMED.replace("-F /dev/null", "-F /tmp/x"),
    "an agent": NAMED.replace("UpdateHostKeys=no", "ForwardAgent=yes"),
    "-A": NAMED.replace("-F /dev/null", "-A -F /dev/null"),
    "trust on first use": NAMED.replace("StrictHostKeyChecking=yes", "StrictHostKeyChecking=no"),
    "a proxy of its own": NAMED.replace("-W", f"-o {shlex.quote('ProxyCommand=id')} -W"),
    "a proxy as a setting": NAMED.replace("UpdateHostKeys=no", "ProxyCommand=id"),
    "a jump": NAMED.replace("UpdateHostKeys=no", "ProxyJump=x"),
    "a local command": NAMED.replace("UpdateHostKeys=no", "LocalCommand=id"),
    "a library": NAMED.replace("UpdateHostKeys=no", "PKCS11Provider=/tmp/x.so"),
    "a file of keys": NAMED.replace("UserKnownHostsFile=/dev/null", "UserKnownHostsFile=/tmp/x"),
    "a command for keys": NAMED.replace("/usr/bin/env echo", "/tmp/x"),
    "an option for a host": NAMED.replace("alice@bastion.example.com", "-oProxyCommand=id"),
    "another server": OURS.replace("10.20.0.5:22", "10.20.0.6:22"),
    "another port": OURS.replace("10.20.0.5:22", "10.20.0.5:23"),
    "no target": OURS.partition(" -W")[0],
    "a command on the bastion": OURS.replace(" -W ", " id -W "),
    "a line in a file's name": NAMED.replace(
        "UpdateHostKeys=no", "'IdentityFile=/a\nProxyCommand x'"
    ),
    "an open quote": f"{OURS} 'x",
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_is_no_login_of_ours_is_not_run(proxy: str) -> None:
    assert PROXIES[proxy] not in (OURS, NAMED)
    refused(written(PROXIES[proxy]))


TAMPERED: dict[str, Callable[[str], str]] = {
    "a sign that ssh expands": lambda text: text.replace("/it", "/%r"),
    "an unknown sign": lambda text: text.replace("alice@", "alice%x@"),
    "two proxies": lambda text: text.replace("-o ", "-o ProxyCommand=id -o ", 1),
    "the proxy first": lambda text: text.replace(" -F ", f" -o {shlex.quote(proxy_of(text))} -F "),
    "no server": lambda text: text.rpartition(" ")[0],
    "a command after it": lambda text: f"{text} id",
    "another spelling": lambda text: text.replace("ProxyCommand=", "proxycommand="),
    "a blank in the setting": lambda text: text.replace("ProxyCommand=", "ProxyCommand ="),
    "by use of a jump": lambda text: text.replace(shlex.quote(proxy_of(text)), "ProxyJump=x"),
    "an address with a zone": lambda text: text.replace("10.20.0.5", "fe80::1%x"),
    "the proxy alone": lambda text: f"-o {shlex.quote(proxy_of(text))} x",
}


def proxy_of(text: str) -> str:
    """The setting with the proxy, as ssh gets it."""
    return next(word for word in shlex.split(text) if word.startswith("ProxyCommand="))


@pytest.mark.parametrize("how", TAMPERED)
def test_a_login_with_another_proxy_is_not_run(how: str) -> None:
    text = TAMPERED[how](written(OURS))
    assert text != written(OURS)
    refused(text)


def refused(text: str) -> None:
    with pytest.raises(FlakeshipError) as raised:
        stored_login.read(text, "server web")
    assert (raised.value.code, raised.value.key) == ("state-unreadable", "server web")
    assert raised.value.remedy
    assert "pwned" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "ssh\0-F\0/dev/null\0-p\x0022 -o ProxyCommand=x nixos@203.0.113.7",
        "ssh -F /dev/null -p '22\0-o\0UpdateHostKeys=no' nixos@203.0.113.7",
        "ssh -F /dev/null -p 22 -i '/key\n' nixos@203.0.113.7",
        "\0",
    ],
)
def test_no_word_has_control_characters(text: str) -> None:
    with pytest.raises(FlakeshipError) as refused:
        stored_login.read(text, "server web")
    assert refused.value.code == "state-unreadable"
