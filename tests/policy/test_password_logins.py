"""No password login."""

from __future__ import annotations

import base64

import pytest

from policy.password_logins import LONGEST, RULE
from policy.rules import UNKNOWN, Resource
from tests.policy.declared import UNKNOWN_TYPE, resource, told

INSTANCE = "openstack:compute/instance:Instance"
VM = "proxmoxve:index/vmLegacy:VmLegacy"
CONTAINER = "proxmoxve:index/containerLegacy:ContainerLegacy"
SNIPPET = "proxmoxve:index/fileLegacy:FileLegacy"
REMOTE = "command:remote:Command"
SECRET = "hunter2"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "keyed",
    [
        resource(INSTANCE, keyPair="admin"),
        resource(INSTANCE, adminPass=""),
        resource(INSTANCE, userData="#cloud-config\nhostname: web\n"),
        resource(INSTANCE, userData="#cloud-config\nssh_pwauth: false\n"),
        resource(
            INSTANCE, userData="#cloud-config\nusers: [default, {name: a, lock_passwd: true}]"
        ),
        resource(INSTANCE, userData="#cloud-config\nwrite_files: [{content: 'password: x'}]"),
        resource(INSTANCE, userData="#cloud-config"),
        resource(INSTANCE, userData="#!/bin/sh\necho password: x\n"),
        resource(INSTANCE, userData=UNKNOWN),
        resource(VM, initialization={"userAccount": None, "type": "nocloud"}),
        resource(VM, initialization={"userAccount": {"username": "a", "keys": ["ssh-ed25519 A"]}}),
        resource(SNIPPET, sourceRaw={"data": "#cloud-config\nruncmd: []\n"}),
        resource(REMOTE, connection={"host": "192.0.2.1", "privateKey": UNKNOWN}),
        resource(UNKNOWN_TYPE, adminPass=SECRET),
    ],
)
def test_a_login_by_key_passes(keyed: Resource) -> None:
    assert told(RULE, keyed) == []


@pytest.mark.parametrize(
    ("open_", "where"),
    [
        (resource(INSTANCE, adminPass=SECRET), "adminPass"),
        (resource(INSTANCE, adminPass=UNKNOWN), "adminPass"),
        (resource(INSTANCE, userData="#cloud-config\nssh_pwauth: true\n"), "ssh_pwauth"),
        (resource(INSTANCE, userData='#cloud-config\n{"ssh_pwauth": "yes"}'), "ssh_pwauth"),
        (resource(INSTANCE, userData=f"#cloud-config\npassword: {SECRET}\n"), "password"),
        (resource(INSTANCE, userData=encoded("#cloud-config\npassword: hunter2\n")), "password"),
        (resource(INSTANCE, userData="#cloud-config\nchpasswd: {expire: false}\n"), "chpasswd"),
        (
            resource(INSTANCE, userData="#cloud-config\nusers: [{plain_text_passwd: hunter2}]"),
            "users[0].plain_text_passwd",
        ),
        (
            resource(INSTANCE, userData="#cloud-config\nusers: [default, {lock_passwd: false}]"),
            "users[1].lock_passwd",
        ),
        (resource(INSTANCE, userData="#cloud-config\na: [\n"), "no valid cloud-config"),
        (resource(INSTANCE, userData="#" * (LONGEST + 1)), "not checked"),
        (resource(VM, initialization={"userAccount": {"password": SECRET}}), "userAccount"),
        (resource(CONTAINER, initialization={"userAccount": {"password": UNKNOWN}}), "userAccount"),
        (resource(SNIPPET, sourceRaw={"data": "#cloud-config\nssh_pwauth: 1\n"}), "ssh_pwauth"),
        (resource(REMOTE, connection={"password": SECRET}), "connection.password"),
        (
            resource("command:remote:CopyToRemote", connection={"proxy": {"password": SECRET}}),
            "connection.proxy.password",
        ),
    ],
)
def test_a_login_by_password_is_told_without_the_password(open_: Resource, where: str) -> None:
    (said,) = told(RULE, open_)
    assert where in said
    assert SECRET not in said
