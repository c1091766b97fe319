"""Requests and values that several tests use."""

from __future__ import annotations

from flakeship.model.ports import Port
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.verify.request import VerifyRequest
from tests.unit.verify.machines import ED25519

TOPLEVEL = "/nix/store/6h0ir2lm2jwxp9z0sp28vk6g3s9flfkv-nixos-system-web-26.11"
OWNER = Owner("dev", "web", "web-6h0ir2lm")
REQUEST = VerifyServerRequest(
    cloud="fake",
    owner=OWNER,
    server="server-1",
    port="port-1",
    flavor="s1.tiny",
    image="image-1",
    access="floating",
    stable="",
    pool="public",
    verify=VerifyRequest(
        machine="web-6h0ir2lm-a1",
        ports=[Port(port=80, protocol="http")],
        user="nixos",
        identity="",
        toplevel=TOPLEVEL,
        disk=4096,
    ),
)
BASTION = Bastion("web-old", "203.0.113.9", "nixos", [ED25519])
