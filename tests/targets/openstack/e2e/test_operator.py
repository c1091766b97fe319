"""Sweep in a real cloud: what is over goes, and the commands that it prints for the rest work."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from openstack.connection import Connection
from openstack.exceptions import SDKException

from dev.openstack.__main__ import CLOUD
from flakeship.rollout.ownership import Owner
from flakeship.state.stack import Stack
from flakeship.system.process import run
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.resources import description, words
from flakeship.targets.openstack.settings import NetworkSettings
from flakeship.targets.openstack.sweep import sweep
from tests.project import ROOT

NAME = f"t{uuid.uuid4().hex[:8]}"
CLIENT = ROOT / ".venv/bin/openstack"


@pytest.fixture
def cloud() -> Iterator[Connection]:
    with connected(CLOUD) as connection:
        yield connection


@contextmanager
def left(cloud: Connection) -> Iterator[str]:
    """What killed runs leave; the id of the temporary address among it."""
    network = cloud.network
    with ExitStack() as undo:

        def drop(kind: str, number: str) -> None:
            with suppress(SDKException):
                getattr(network, f"delete_{kind}")(number)

        own = NetworkSettings().named(NAME)
        made = network.create_network(name=own)
        undo.callback(drop, "network", made.id)
        subnet = network.create_subnet(
            name=own, network_id=made.id, ip_version=4, cidr="10.99.0.0/24"
        )
        router = network.create_router(name=own)
        undo.callback(drop, "router", router.id)
        network.add_interface_to_router(router.id, subnet.id)
        port = network.create_port(network_id=made.id, name="web-33333333-abcd")
        undo.callback(drop, "port", port.id)
        network.set_tags(port, words(Owner(NAME, "web")))
        group = network.create_security_group(name=f"{NAME}-0123abcd")
        undo.callback(drop, "security_group", group.id)
        network.set_tags(group, words(Owner(NAME, "security-group")))
        address = network.create_ip(
            floating_network_id=network.find_network("public", ignore_missing=False).id,
            description=description(Owner(NAME, "web", "web-33333333").for_verification()),
        )
        undo.callback(drop, "ip", address.id)
        yield address.id
        with suppress(SDKException):
            network.remove_interface_from_router(router.id, subnet.id)


def test_what_it_prints_removes_what_it_leaves(cloud: Connection) -> None:
    empty = Stack(NAME, {})
    with left(cloud) as address:
        done = sweep(empty, CLOUD)
        assert sum(line.startswith("floating ip ") for line in done.removed) == 1
        assert cloud.network.find_ip(address) is None

        commands = [line.strip() for line in done.left if line.startswith("  openstack ")]
        kinds = ["port", "router remove port", "router", "subnet", "network", "security group"]
        assert len(commands) == len(kinds)
        begin = f"openstack --os-cloud {CLOUD} "
        words = [each.partition("#")[0].removeprefix(begin) for each in commands]
        assert [w.startswith(kind) for w, kind in zip(words, kinds, strict=True)] == [True] * 6
        # one client for all, as each would take some seconds to start; it fails at the end of input
        run([CLIENT], stdin="\n".join(words) + "\n", check=False)
        assert sweep(empty, CLOUD) == SweepResult([], [], [])


def test_what_others_have_in_the_network_is_told_with_what_removes_it(cloud: Connection) -> None:
    """Neutron refuses to remove the subnet and the router's interface because of it."""
    empty = Stack(NAME, {})
    public = cloud.network.find_network("public", ignore_missing=False)
    with left(cloud):
        own = cloud.network.find_network(NetworkSettings().named(NAME), ignore_missing=False)
        (router,) = cloud.network.routers(name=own.name)
        cloud.network.update_router(router, external_gateway_info={"network_id": public.id})
        foreign = cloud.network.create_port(network_id=own.id, name="theirs")
        address = cloud.network.create_ip(floating_network_id=public.id, port_id=foreign.id)
        try:
            words = [line.partition("  #")[0] for line in sweep(empty, CLOUD).blocking]
            begin = f"openstack --os-cloud {CLOUD} "
            assert words == [
                f"{begin}floating ip unset --port {address.id}",
                f"{begin}port delete {foreign.id}",
            ]
            lines = [each.removeprefix(begin) for each in words]
            run([CLIENT], stdin="\n".join(lines) + "\n", check=False)
            assert sweep(empty, CLOUD).blocking == []
        finally:
            cloud.network.delete_ip(address)
            cloud.network.delete_port(foreign, ignore_missing=True)
