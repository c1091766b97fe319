"""The plugin, whichever way it came, has every type that the target uses, and they round-trip."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openstack.config import OpenStackConfig

from dev.openstack.__main__ import CLOUD
from tests.project import ROOT

PROGRAM = f"""
import pulumi
from pulumi_openstack import Provider, compute, images, networking

public = networking.get_network_output(name="public")
admin = Provider("admin", cloud="{CLOUD}-admin")
image = images.Image(
    "image", container_format="bare", disk_format="raw", local_file_path="disk.raw",
    properties={{"flakeship_stack": "test"}}, visibility="shared",
)
images.ImageAccess("access", image_id=image.id, member_id="0" * 32)
network = networking.Network("network", tags=["flakeship_stack=test"])
subnet = networking.Subnet("subnet", network_id=network.id, cidr="10.77.0.0/24")
router = networking.Router("router", external_network_id=public.id)
interface = networking.RouterInterface("interface", router_id=router.id, subnet_id=subnet.id)
group = networking.SecGroup("group")
networking.SecGroupRule(
    "rule", direction="ingress", ethertype="IPv4", protocol="tcp", port_range_min=22,
    port_range_max=22, remote_ip_prefix="0.0.0.0/0", security_group_id=group.id,
)
port = networking.Port(
    "port", network_id=network.id, fixed_ips=[{{"subnet_id": subnet.id}}],
    security_group_ids=[group.id], tags=["flakeship_stack=test"],
)
floating = networking.FloatingIp("floating", pool="public")
networking.FloatingIpAssociate(
    "associate", floating_ip=floating.address, port_id=port.id,
    opts=pulumi.ResourceOptions(depends_on=[interface]),
)
compute.Keypair("key")
servers = compute.ServerGroup("servers", policies="soft-anti-affinity")
compute.Flavor("flavor", ram=64, vcpus=1, disk=1, opts=pulumi.ResourceOptions(provider=admin))
compute.Instance(
    "instance", image_id=image.id, flavor_name="s1.nano", networks=[{{"port": port.id}}],
    scheduler_hints=[{{"group": servers.id}}], metadata={{"flakeship_stack": "test"}},
    config_drive=True,
)
pulumi.export("properties", image.properties)
"""


class Stack:
    """One stack with one of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "disk.raw").write_bytes(bytes(1 << 20))
        runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "plugin", "runtime": runtime}))
        self.pulumi("stack", "init", "test")

    def pulumi(self, *words: str) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    if not shutil.which("pulumi"):
        pytest.fail('pulumi is not on PATH: `make test-openstack`, or first eval "$(make env)"')
    monkeypatch.setenv("PULUMI_BACKEND_URL", tmp_path.as_uri())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    monkeypatch.setenv("PULUMI_STACK", "test")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    stack = Stack(tmp_path)
    yield stack
    stack.pulumi("destroy", "--yes", "--skip-preview")


def test_every_type_of_the_target_round_trips(stack: Stack) -> None:
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.pulumi("preview", "--expect-no-changes", "--refresh")
    properties = json.loads(stack.pulumi("stack", "output", "properties", "--json"))
    assert properties["flakeship_stack"] == "test"
    assert properties["os_hash_algo"] == "sha512"
    exported = stack.pulumi("stack", "export", "--show-secrets")
    assert not [secret for secret in secrets() if secret in exported]


def secrets() -> list[str]:
    """What logs in to the lab's clouds; it stays in clouds.yaml."""
    clouds = OpenStackConfig().cloud_config["clouds"]
    return [
        clouds[CLOUD]["auth"]["application_credential_secret"],
        clouds[f"{CLOUD}-admin"]["auth"]["password"],
    ]
