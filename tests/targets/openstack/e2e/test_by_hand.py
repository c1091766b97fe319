"""What somebody changes by hand in the cloud is named by the next preview and undone by `up`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flakeship.rollout.ownership import STACK
from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    with stack_on_cloud(tmp_path_factory.mktemp("cloud")) as made:
        made.settings(WEB)
        made.up()
        yield made


def group(stack: CloudStack) -> Any:
    (found,) = stack.cloud.network.security_groups(tags=f"{STACK}={stack.stack}")
    return found


def server(stack: CloudStack) -> Any:
    return stack.cloud.compute.get_server(stack.servers()[stack.machine()])


def test_rules_and_an_address_come_back(stack: CloudStack) -> None:
    machine = stack.machine()
    for rule in group(stack).security_group_rules:
        if rule["direction"] == "egress":
            stack.cloud.network.delete_security_group_rule(rule["id"])
    (address,) = stack.cloud.network.ips(tags=f"{STACK}={stack.stack}")
    stack.cloud.network.update_ip(address, port_id=None)
    said = stack.preview()
    assert (
        "lacks egress IPv4 any 0.0.0.0/0, lacks egress IPv6 any ::/0: this run replaces it" in said
    )
    assert f"its address {stack.address()} leads nowhere" in said
    stack.up()
    directions = [rule["direction"] for rule in group(stack).security_group_rules]
    assert directions.count("egress") == 2
    assert stack.machine() == machine
    assert "appliance" in stack.page()
    stack.preview("--expect-no-changes")


def test_a_stopped_server_is_started(stack: CloudStack) -> None:
    before = server(stack)
    stack.cloud.compute.stop_server(before)
    stack.cloud.compute.wait_for_server(before, status="SHUTOFF")
    assert "This run starts it and verifies it again" in stack.preview()
    stack.up()
    assert server(stack).id == before.id
    assert "appliance" in stack.page()


def test_a_renamed_server_stays(stack: CloudStack) -> None:
    machine, before = stack.machine(), server(stack)
    stack.cloud.compute.update_server(before, name="an-idea")
    try:
        said = stack.preview("--expect-no-changes")
        assert f"{machine} was renamed to an-idea" in said
    finally:
        stack.cloud.compute.update_server(before, name=machine)


def test_a_server_is_not_replaced_in_place(stack: CloudStack) -> None:
    before = server(stack)
    (urn,) = [each["urn"] for each in stack.resources() if each.get("id") == before.id]
    for words in (("preview",), ("up", "--yes", "--skip-preview")):
        done = stack.pulumi(*words, "--replace", urn, check=False)
        said = done.stdout + done.stderr
        assert done.code != 0
        assert "would replace this server, and its disk, in place" in said
        assert "Traceback" not in said
    assert server(stack).id == before.id
    assert "appliance" in stack.page()


def test_a_server_with_another_port_gets_a_successor_beside_it(stack: CloudStack) -> None:
    before, machine = server(stack), stack.machine()
    (own,) = stack.cloud.network.ports(device_id=before.id)
    (network,) = stack.networking()["networks"]
    stack.cloud.compute.create_server_interface(before, net_id=network)
    stack.cloud.compute.delete_server_interface(own.id, server=before)
    stack.pulumi("refresh", "--yes")
    said = stack.preview()
    assert f"{machine} is without its port" in said
    stack.up()
    assert stack.machine() != machine
    assert list(stack.servers()) == [stack.machine()]
    assert "appliance" in stack.page()
    stack.preview("--expect-no-changes")
