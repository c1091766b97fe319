"""The rules of a security group, as Neutron gets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from tests.targets.openstack.unit.cloud_world import WEB, World, settings
from tests.unit.model.test_ledger import release

KEYS = ("ethertype", "protocol", "portRangeMin", "portRangeMax", "remoteIpPrefix")


class Neutron(pulumi.runtime.Mocks):
    """Keeps what is made, by its name."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.made[args.name] = args.inputs
        return args.name, args.inputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the package's own
def test_each_rule_has_its_protocol() -> None:
    from components.openstack.network import SecurityGroup  # noqa: PLC0415

    ports = [53, {"port": 53, "protocol": "udp", "allowFrom": ["0.0.0.0/0"]}]
    planned = World().plan(settings({**WEB, "ports": ports}), release(1)).plan.active[0]
    neutron = Neutron()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(neutron)
    pulumi.runtime.test(lambda: SecurityGroup(planned).id)()  # type: ignore[no-untyped-call]

    rule = f"rule-{planned.security_group}-"
    rules = {
        name.removeprefix(rule): [given[key] for key in KEYS]
        for name, given in neutron.made.items()
        if name.startswith(rule)
    }
    assert rules == {
        "22-0.0.0.0/0": ["IPv4", "tcp", 22, 22, "0.0.0.0/0"],
        "22-::/0": ["IPv6", "tcp", 22, 22, "::/0"],
        "53-0.0.0.0/0": ["IPv4", "tcp", 53, 53, "0.0.0.0/0"],
        "53-::/0": ["IPv6", "tcp", 53, 53, "::/0"],
        "53-0.0.0.0/0-udp": ["IPv4", "udp", 53, 53, "0.0.0.0/0"],
    }
