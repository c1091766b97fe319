"""Requests as text: another text is an update, so a verification that runs again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flakeship.model import codec
from flakeship.targets.openstack.requests import (
    AnyBastion,
    EphemeralRequest,
    OwnBastion,
    VerifyServerRequest,
)
from tests.targets.openstack.unit.samples import BASTION, REQUEST
from tests.unit.verify.machines import ED25519

GATE = OwnBastion("bastion", "2001:db8::7", "alice", [ED25519], 22, "")
THROUGH = (
    '{"access": "bastion", "bastion": {"address": "203.0.113.9", '
    '"host_keys": ["ssh-ed25519 '
    'AAAAC3NzaC1lZDI1NTE5AAAAIAibs1Yw6UaeBcXJQa1h+rnwW7Tz/crGc4TN/JTrUhWv"], '
    '"name": "web-old", "user": "nixos"}, "cloud": "fake", "flavor": "s1.tiny", '
    '"image": "image-1", "owner": {"checkout": "", "name": "web", "release": "web-6h0ir2lm", '
    '"stack": "dev", "temporary": false}, "placement": "", "pool": "public", "port": "port-1", '
    '"repair": 0, "restricted": [], "server": "server-1", "stable": "", '
    '"verify": {"addressing": "dhcp", "boot": 1, "checks": [], "deadline": 300.0, '
    '"disk": 4096, "identity": "", "machine": "web-6h0ir2lm-a1", "ports": [{"port": 80, '
    '"protocol": "http"}], "promises": {"nix": true, "switch": true}, '
    '"toplevel": "/nix/store/6h0ir2lm2jwxp9z0sp28vk6g3s9flfkv-nixos-system-web-26.11", '
    '"user": "nixos"}}'
)
"""As the states of stacks have it that were deployed before there were bastions of one's own."""


def test_the_request_of_a_stack_without_a_bastion_of_ones_own_is_as_before() -> None:
    request = replace(REQUEST, access="bastion", bastion=BASTION)
    assert codec.dump(request) == THROUGH
    assert codec.parse(VerifyServerRequest, THROUGH) == request


@pytest.mark.parametrize("bastion", [BASTION, GATE, replace(GATE, port=2222, identity="/k"), None])
def test_a_bastion_is_read_as_what_it_is(bastion: AnyBastion | None) -> None:
    request = replace(REQUEST, bastion=bastion)
    assert codec.parse(VerifyServerRequest, codec.dump(request)) == request
    ephemeral = EphemeralRequest(request, "flavor-1", "private", [])
    assert codec.parse(EphemeralRequest, codec.dump(ephemeral)) == ephemeral


def test_a_server_is_no_bastion_of_ones_own() -> None:
    text = codec.dump(replace(REQUEST, bastion=GATE)).replace(
        '"configured": true', '"configured": false'
    )
    found = codec.parse(VerifyServerRequest, text).bastion
    assert not isinstance(found, OwnBastion)
