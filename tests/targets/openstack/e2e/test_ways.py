"""How the checks get to a server, and stacks that have only a test server."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.rollout.ownership import STACK
from tests.targets.openstack.e2e.project import WEB, CloudStack, stack_on_cloud


def addresses(stack: CloudStack) -> list[str]:
    """All floating IPs of the project that carry the stack's mark."""
    found = stack.cloud.network.ips(tags=f"{STACK}={stack.stack}")
    return [each.floating_ip_address for each in found]


def test_directly_and_over_ipv6(tmp_path: Path) -> None:
    """On a provider network: no router, no floating IP, an address of either kind."""
    with stack_on_cloud(tmp_path) as stack:
        stack.settings(
            {**WEB, "address": "none"}, openstack={"network": "provider", "access": "direct"}
        )
        stack.up()
        seen = stack.evidence(stack.machine())
        assert "2001:db8:" in seen["ipv6"]
        assert "appliance" in stack.page()
        assert addresses(stack) == []
        assert stack.networking()["networks"] == []
        stack.preview("--expect-no-changes")


def test_through_the_active_server(tmp_path: Path) -> None:
    """The first has no bastion and uses a temporary address; the second does not.

    Port 80 is open to halves of the world, which nobody finds out to be the whole.
    """
    with stack_on_cloud(tmp_path) as stack:
        ports = [{**WEB["ports"][0], "allowFrom": ["0.0.0.0/1", "128.0.0.0/1"]}]
        wish = {"access": "bastion", "placement": "soft-anti-affinity"}
        stack.settings({**WEB, "ports": ports}, openstack=wish)
        assert "temporary floating IP" in stack.up()
        first = stack.machine()
        stack.edit("Hello from the appliance", "Welcome to the appliance")
        said = stack.up()
        assert "temporary floating IP" not in said
        seen = stack.evidence(stack.machine())["port-scan"]
        assert seen.startswith("tcp 22, 80, and none of")
        assert seen.endswith(f"(not expected: tcp 80, restricted); seen from {first}")
        assert "Welcome" in stack.page()
        stack.preview("--expect-no-changes")


@pytest.mark.parametrize("ephemeral", [False, True])
def test_a_stack_that_only_publishes(tmp_path: Path, *, ephemeral: bool) -> None:
    with stack_on_cloud(tmp_path) as stack:
        test = {"ephemeral": ephemeral, "ports": WEB["ports"], "checks": WEB["checks"]}
        stack.settings(openstack={"network": "provider", "access": "direct", "testServer": test})
        stack.up()
        (image,) = stack.images().values()
        assert not image["os_hidden"]
        assert stack.running() == image["name"]
        servers = stack.servers()
        assert len(servers) == (0 if ephemeral else 1)
        assert len(stack.networking()["ports"]) == len(servers)
        stack.preview("--expect-no-changes")
        if ephemeral:
            return
        (first,) = servers
        stack.edit("Hello from the appliance", "Welcome to the appliance")
        stack.up()
        (second,) = stack.servers()
        assert second != first
        assert len(stack.images()) == 2


def test_two_of_a_group_on_a_network_without_port_security(tmp_path: Path) -> None:
    """Neutron takes no groups there; and the lab has one host, which the check tells."""
    with stack_on_cloud(tmp_path) as stack:
        cloud = stack.cloud.network
        made = cloud.create_network(name=f"{stack.stack}-nosec", is_port_security_enabled=False)
        subnet = cloud.create_subnet(network_id=made.id, ip_version=4, cidr="10.66.0.0/24")
        public = cloud.find_network("public", ignore_missing=False)
        router = cloud.create_router(external_gateway_info={"network_id": public.id})
        cloud.add_interface_to_router(router.id, subnet.id)
        try:
            wish = {"network": made.name, "placement": "soft-anti-affinity"}
            stack.settings({**WEB, "count": 2}, openstack=wish)
            assert "no port security" in stack.preview()
            stack.up()
            assert len(stack.servers()) == 2
            second = stack.evidence(stack.machine("web-2"))["api"]
            assert f"on the same host as {stack.machine('web-1')}" in second
            assert "appliance" in stack.page("web-1")
            stack.preview("--expect-no-changes")
        finally:
            stack.pulumi("destroy", "--yes", "--skip-preview")
            cloud.remove_interface_from_router(router.id, subnet.id)
            cloud.delete_router(router)
            cloud.delete_network(made)
