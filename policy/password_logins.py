"""No password login: who logs in has a key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import yaml  # type: ignore[import-untyped]

from .rules import Config, Resource, Rule, at, items, mapping

INSTANCE = "openstack:compute/instance:Instance"
MACHINES = {
    "proxmoxve:index/vmLegacy:VmLegacy",
    "proxmoxve:index/containerLegacy:ContainerLegacy",
}
SNIPPET = "proxmoxve:index/fileLegacy:FileLegacy"
REMOTE = "command:remote:"
LONGEST = 1 << 16
"""The characters of user data that Nova takes, which is more than anybody writes."""


def check(resource: Resource, _config: Config) -> Iterator[str]:
    """Tell each password that lets somebody in, and never what it is."""
    props = resource.props
    found: list[str] = []
    if resource.type == INSTANCE:
        found = [*_given(props.get("adminPass"), "adminPass"), *_user_data(props.get("userData"))]
    elif resource.type in MACHINES:
        password = at(props, "initialization", "userAccount", "password")
        found = [*_given(password, "initialization.userAccount.password")]
    elif resource.type == SNIPPET:
        found = [*_user_data(at(props, "sourceRaw", "data"))]
    elif resource.type.startswith(REMOTE):
        found = [
            *_given(at(props, "connection", "password"), "connection.password"),
            *_given(at(props, "connection", "proxy", "password"), "connection.proxy.password"),
        ]
    for what in found:
        yield f"{resource.name} allows a login by password: {what}. Remove it, and give a key."


def _given(value: object, where: str) -> Iterator[str]:
    """A password that is not known yet is one too."""
    if value:
        yield where


def _user_data(value: object) -> Iterator[str]:
    """What a cloud-config allows, in plain or in base64."""
    text = value if isinstance(value, str) else ""
    if len(text) > LONGEST:
        yield f"userData has more than {LONGEST} characters, and is not checked"
        return
    if not text.startswith("#"):
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            return
    if not text.startswith("#cloud-config"):
        return
    try:
        config = mapping(yaml.load(text, yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        yield "userData is no valid cloud-config, and is not checked"
        return
    if config.get("ssh_pwauth") not in (None, False, "no", "false", "unchanged"):
        yield "ssh_pwauth in userData"
    for key in ("password", "chpasswd"):
        yield from _given(config.get(key), f"{key} in userData")
    for index, user in enumerate(items(config.get("users"))):
        for key in ("passwd", "plain_text_passwd", "hashed_passwd"):
            yield from _given(mapping(user).get(key), f"users[{index}].{key} in userData")
        if mapping(user).get("lock_passwd") is False:
            yield f"users[{index}].lock_passwd in userData"


RULE = Rule("no-password-login", "Nobody logs in by a password.", check)
