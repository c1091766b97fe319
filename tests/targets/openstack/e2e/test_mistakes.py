"""Every mistake is a clear error: what, where, what is allowed; and nothing is half-done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openstack.connection import Connection

from dev.openstack.__main__ import CLOUD
from flakeship.targets.openstack.api.connection import connected
from tests.targets.openstack.e2e.project import ADMIN, WEB, CloudStack, stack_on_cloud

OTHER = f"{CLOUD}-other"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    with stack_on_cloud(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@contextmanager
def administrator() -> Iterator[Connection]:
    with connected(ADMIN) as admin:
        yield admin


def asked(stack: CloudStack, **wish: Any) -> str:
    """What a preview says of such a use of the cloud."""
    stack.settings(WEB, openstack=wish)
    return stack.refused()


def test_a_cloud_that_is_not_configured(stack: CloudStack) -> None:
    said = asked(stack, cloud="flakeship-lob")
    assert "flakeship-lob" in said
    assert CLOUD in said


def test_nothing_configured_at_all(stack: CloudStack) -> None:
    bare = {key: value for key, value in stack.env.items() if not key.startswith("OS_")}
    without = replace(stack, env=bare | {"HOME": str(stack.path)})
    said = asked(without)
    assert "OS_CLOUD" in said
    assert "clouds.yaml" in said


def test_credentials_that_are_not_right(stack: CloudStack) -> None:
    text = Path(stack.env["OS_CLIENT_CONFIG_FILE"]).read_text()
    wrong = stack.path / "clouds.yaml"
    wrong.write_text(re.sub(r"(secret|password): .*", r"\1: not-the-right-one", text))
    said = asked(replace(stack, env=stack.env | {"OS_CLIENT_CONFIG_FILE": str(wrong)}))
    assert "401" in said
    assert "not-the-right-one" not in said


def test_a_role_that_may_only_read(stack: CloudStack) -> None:
    said = asked(stack, cloud=f"{CLOUD}-reader")
    assert "role" in said
    assert "reader" in said


def test_a_network_that_is_not_there(stack: CloudStack) -> None:
    said = asked(stack, network="prvider")
    assert "flakeship:openstack.network: " in said
    assert "got prvider; allowed: provider" in said


def test_two_networks_of_one_name(stack: CloudStack) -> None:
    made = [stack.cloud.network.create_network(name=f"{stack.stack}-two") for _ in range(2)]
    try:
        said = asked(stack, network=f"{stack.stack}-two", access="direct")
        assert "2 networks have this name" in said
        assert made[0].id in said
    finally:
        for each in made:
            stack.cloud.network.delete_network(each)


def test_a_flavor_that_is_too_small_or_not_there(stack: CloudStack) -> None:
    stack.settings({**WEB, "flavor": "s1.slim"})
    assert "s1.slim lacks 1024 MiB of root disk" in stack.refused()
    stack.settings({**WEB, "flavor": "s1.tny"})
    assert "Did you mean s1.tiny" in stack.refused()
    stack.settings({**WEB, "vcpus": 200})
    said = stack.refused()
    assert "none of the" in said
    assert said.count("nearest: ") == 3


@pytest.mark.parametrize(
    ("service", "quota", "name"),
    [
        ("compute", "instances", "needs 1 server, and the quota has 0 left"),
        ("compute", "cores", "needs 1 core, and the quota has 0 left"),
        ("compute", "ram", "needs 512 MiB of memory, and the quota has 0 left"),
        ("network", "port", "ports"),
        ("network", "network", "networks"),
        ("network", "subnet", "subnets"),
        ("network", "router", "routers"),
        ("network", "floatingip", "floatingips"),
        ("network", "security_group", "security_groups"),
        ("network", "security_group_rule", "security_group_rules"),
    ],
)
def test_a_quota_that_is_too_small(stack: CloudStack, service: str, quota: str, name: str) -> None:
    """In a project of its own: nobody else's test may run into it."""
    with connected(OTHER) as other, administrator() as admin:
        project = other.current_project_id
        assert project
        if service == "compute":
            admin.set_compute_quotas(project, **{quota: 0})
        else:
            # each project has a default group, which Neutron creates with the first look at them
            groups = [*other.network.security_groups()]
            rules = [*other.network.security_group_rules()]
            used = {"security_group": len(groups), "security_group_rule": len(rules)}
            admin.set_network_quotas(project, **{quota: used.get(quota, 0)})
        try:
            said = asked(stack, cloud=OTHER)
        finally:
            if service == "compute":
                admin.delete_compute_quotas(project)
            else:
                admin.delete_network_quotas(project)
    assert "quota" in said
    assert name in said


def test_a_pool_that_is_empty(stack: CloudStack) -> None:
    """A pool of one project's: a second external network is another test's mistake."""
    with connected(OTHER) as other, administrator() as admin:
        pool = admin.network.create_network(name=f"{stack.stack}-pool")
        admin.network.create_rbac_policy(
            object_type="network",
            object_id=pool.id,
            action="access_as_external",
            target_project_id=other.current_project_id,
        )
        one = {"start": "192.0.2.66", "end": "192.0.2.66"}
        admin.network.create_subnet(
            network_id=pool.id, ip_version=4, cidr="192.0.2.64/30", allocation_pools=[one]
        )
        taken = admin.network.create_ip(floating_network_id=pool.id)
        try:
            wish = {"cloud": OTHER, "pool": pool.name, "network": {"external": "public"}}
            stack.settings(WEB, openstack=wish)
            said = stack.fails()
            assert f"No more IP addresses available on network {pool.id}" in said
        finally:
            stack.pulumi("destroy", "--yes", "--skip-preview")
            admin.network.delete_ip(taken)
            admin.network.delete_network(pool)


def test_a_server_that_no_host_can_hold(stack: CloudStack) -> None:
    """Nova accepts it, finds no host, and says why."""
    stack.settings({**WEB, "flavor": "m1.2xlarge"})
    said = stack.fails()
    assert "No valid host was found" in said
    stack.settings(WEB)
    stack.up()
    stack.preview("--expect-no-changes")


def test_a_server_that_never_answers_and_one_that_says_no_keys(stack: CloudStack) -> None:
    machine = stack.machine()
    stack.settings(WEB, bootTimeout=45)
    stack.edit("-p 22", "-p 2222", "guest/lib/sshd.sh")
    said = stack.fails()
    assert "no SSH login as nixos" in said
    assert "The end of the console" in said
    stack.edit("-----BEGIN SSH HOST KEY KEYS-----", "nothing", "guest/lib/sshd.sh")
    said = stack.fails()
    assert "no SSH host keys on the console" in said
    assert stack.machine() == machine
    assert "appliance" in stack.page()


SECRET = "# nobody's business\n"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"keypair": "nobody"}, "openstack.keypair: demo has no such key pair in Nova"),
        ({"userData": "./big.yaml"}, "openstack.userData: Nova takes less user data"),
        ({"metadata": {f"key-{n}": "x" for n in range(128)}}, "got 128; allowed: up to 122"),
        ({"volume": True}, "the catalogue has no block storage (Cinder)"),
    ],
)
def test_what_nova_would_refuse_after_the_upload(
    stack: CloudStack, server: dict[str, Any], words: str
) -> None:
    (stack.path / "big.yaml").write_text(SECRET * 3000)
    stack.settings({**WEB, **server})
    said = stack.refused()
    assert words in said
    assert SECRET.strip() not in said


@pytest.mark.parametrize(
    "env",
    [
        {"OS_REGION_NAME": "Nowhere"},
        {"OS_USERNAME": "x", "OS_PASSWORD": "hush", "OS_USER_DOMAIN_NAME": "Default"},
    ],
)
def test_variables_that_would_mix_with_the_cloud(stack: CloudStack, env: dict[str, str]) -> None:
    stack.settings(WEB)
    said = replace(stack, env=stack.env | env).refused()
    assert f"got {', '.join(env)}" in said
    assert "hush" not in said
    assert f"unset {' '.join(env)}" in said


def test_a_region_that_is_not_there(stack: CloudStack) -> None:
    text = Path(stack.env["OS_CLIENT_CONFIG_FILE"]).read_text()
    wrong = stack.path / "clouds.yaml"
    wrong.write_text(re.sub(r"region_name: .*", "region_name: Nowhere", text))
    said = asked(replace(stack, env=stack.env | {"OS_CLIENT_CONFIG_FILE": str(wrong)}))
    assert "for region Nowhere" in said
    assert "allowed: lab" in said
