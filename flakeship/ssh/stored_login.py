"""The logins that a state keeps, which others may write: only what SshOptions writes is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.system.tcp import bracketed

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
IP = r"[0-9A-Fa-f.:]+"
OPTIONS = (
    rf"HostKeyAlias={NAME}",
    r"(?:UpdateHostKeys=no|StrictHostKeyChecking=yes|IdentitiesOnly=yes)",
    r"ServerAlive(?:Interval|CountMax)=[0-9]+",
    r"(?:User|Global)KnownHostsFile=/dev/null",
    r"HostKeyAlgorithms=[a-z0-9,@.-]+",
    r"IdentityFile=[^\0-\x1f\x7f]+",
    rf"KnownHostsCommand=/usr/bin/env echo {NAME} [a-z0-9@.-]+ [A-Za-z0-9+/=]+",
)
# the words of `SshOptions.login` to a user's name, of this version and, with -i, of 0.1
BEGIN = (
    r"ssh\0-F\0/dev/null\0-p\0[0-9]+\0(?:-i\0[^\0-\x1f\x7f]+\0)?"
    rf"(?:-o\0(?:{'|'.join(OPTIONS)})\0)*{NAME}@"
)
LOGIN = re.compile(rf"{BEGIN}{IP}")
BASTION = re.compile(rf"{BEGIN}(?:{IP}|{NAME})")  # it may have a host name
PROXY = "ProxyCommand="


@dataclass(frozen=True)
class StoredLogin:
    """The words of a login, and of that on the bastion which it goes through; none: directly."""

    words: Sequence[str]
    bastion: Sequence[str] = ()


def read(command_line: str, key: str) -> StoredLogin:
    """The login of a `command_line` that was kept in a state.

    Raises FlakeshipError with this key where it is anything but a login: it is to be run.
    """
    found = direct = _split(command_line)
    proxy = ""
    match found:
        case [*options, "-o", setting, destination] if setting.startswith(PROXY):
            direct, proxy = [*options, destination], setting.removeprefix(PROXY)
    if LOGIN.fullmatch("\0".join(direct)):
        if direct is found:
            return StoredLogin(found)
        if bastion := _bastion(proxy, f"{bracketed(direct[-1].rpartition('@')[2])}:{direct[4]}"):
            return StoredLogin(found, bastion)
    raise FlakeshipError(
        "its login in the state is not one that Flakeship has written, and is not run",
        code="state-unreadable",
        key=key,
        remedy="look who can write the stack's state; `pulumi up` writes the login again",
    )


def _bastion(proxy: str, server: str) -> list[str]:
    """The words of the login in a proxy, empty for any but `SshOptions.proxy_to` of that server.

    ssh expands `%` in it, and /bin/sh runs it: each word must be quoted as we do, which leaves that
    nothing to expand.
    """
    text = proxy.replace("%%", "%")
    if "%" in proxy.replace("%%", "") or shlex.join(_split(text)) != text:
        return []
    match _split(text):
        case [*login, "-W", target] if target == server and BASTION.fullmatch("\0".join(login)):
            return login
    return []


def _split(command_line: str) -> list[str]:
    if "\0" in command_line:  # the words are matched with that between them
        return []
    try:
        return shlex.split(command_line)
    except ValueError:
        return []
