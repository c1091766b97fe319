"""Real servers are verified: every route, each check of a cloud spoiled, killed commands."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from openstack.connection import Connection

from dev.openstack.__main__ import CLOUD
from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.model.ports import Port
from flakeship.nix import build, evaluate
from flakeship.nix.build import BuildRequest
from flakeship.rollout.ownership import Owner
from flakeship.system.process import Result, run
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.images.publish import publish
from flakeship.targets.openstack.requests import (
    Bastion,
    EphemeralRequest,
    OwnBastion,
    PublishRequest,
    VerifyServerRequest,
)
from flakeship.targets.openstack.resources import EPHEMERAL, description
from flakeship.verify.request import VerifyRequest
from tests.operations import COMMAND, creation
from tests.project import ROOT
from tests.unit.verify.machines import ED25519

FLAVOR = "s1.tiny"


@dataclass(frozen=True)
class World:
    """A published appliance, its key, and a security group, all named after `name`."""

    cloud: Connection
    name: str
    image: str
    group: str
    identity: Path
    toplevel: str

    def run(self, token: str, request: object, before: str = "") -> Result:
        return run(
            COMMAND,
            stdin=creation(token, request, before),
            check=False,
            timeout=400,
        )

    def request(self, server: str = "", port: str = "", machine: str = "") -> VerifyServerRequest:
        pool = self.cloud.network.find_network("public", ignore_missing=False)
        return VerifyServerRequest(
            cloud=CLOUD,
            owner=Owner(self.name, "web", "appliance-1"),
            server=server,
            port=port,
            flavor=FLAVOR,
            image=self.image,
            access="direct",
            stable="",
            pool=pool.id,
            verify=VerifyRequest(
                machine=machine or self.name,
                ports=[Port(port=80, protocol="http")],
                user="nixos",
                identity=str(self.identity),
                toplevel=self.toplevel,
                disk=2048,
            ),
        )

    def boot(self, name: str) -> VerifyServerRequest:
        """A server on the provider's network, and the request to verify it directly."""
        machine = f"{self.name}-{name}"
        network = self.cloud.network.find_network("provider", ignore_missing=False)
        port = self.cloud.network.create_port(
            network_id=network.id, name=self.name, security_groups=[self.group]
        )
        server = self.cloud.compute.create_server(
            name=machine,
            image_id=self.image,
            flavor_id=self.cloud.compute.find_flavor(FLAVOR, ignore_missing=False).id,
            networks=[{"port": port.id}],
            config_drive=True,
        )
        return self.request(server.id, port.id, machine=machine)

    def ephemeral(self) -> EphemeralRequest:
        network = self.cloud.network.find_network("provider", ignore_missing=False)
        flavor = self.cloud.compute.find_flavor(FLAVOR, ignore_missing=False)
        return EphemeralRequest(self.request(), flavor.id, network.id, [self.group])

    def left(self) -> list[str]:
        """What verifications have left."""
        temporary = self.request().owner.for_verification()
        address, port = description(temporary), description(temporary.of_this_checkout())
        found = [server.id for server in self.cloud.compute.servers(name=f"^{self.name}$")]
        found += [each.id for each in self.cloud.network.ports(description=port)]
        return found + [each.id for each in self.cloud.network.ips(description=address)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = tmp_path_factory.mktemp("verify")
    name = f"r{uuid.uuid4().hex[:8]}"
    identity = path / "id_ed25519"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity])
    (path / "authorized_keys").write_text(identity.with_suffix(".pub").read_text())
    release = evaluate.evaluate(str(ROOT / "nix/appliance"), "appliance", "openstack", path)
    built = build.build(BuildRequest.of(release, str(path / "root")))
    with connected(CLOUD) as cloud:
        wish = PublishRequest(
            name, built.image.path, built.image.sha512, 64, {}, "private", cloud=CLOUD
        )
        image = publish(wish, None).id
        group = cloud.network.create_security_group(name=name).id
        for number in (22, 80):
            for family in ("IPv4", "IPv6"):
                let_in(cloud, group, number, family)
        try:
            yield World(cloud, name, image, group, identity, release.toplevel)
        finally:
            remove(cloud, name, group)
            cloud.image.delete_image(image)


def let_in(cloud: Connection, group: str, number: int, family: str, **given: Any) -> None:
    cloud.network.create_security_group_rule(
        security_group_id=group,
        direction="ingress",
        protocol="tcp",
        port_range_min=number,
        port_range_max=number,
        ethertype=family,
        **given,
    )


def remove(cloud: Connection, name: str, group: str) -> None:
    for server in cloud.compute.servers(name=f"^{name}"):
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server)
    for port in cloud.network.ports(security_groups=[group]):
        cloud.network.delete_port(port)
    cloud.network.delete_security_group(group)


@pytest.fixture(scope="module")
def first(world: World) -> tuple[VerifyServerRequest, str]:
    """A server that has passed, and what the command printed."""
    request = world.boot("one")
    done = world.run("flakeship:openstack:Verification", request)
    assert done.code == 0, done.stderr
    return request, done.stdout


@pytest.fixture(scope="module")
def second(world: World, first: tuple[VerifyServerRequest, str]) -> tuple[VerifyServerRequest, str]:
    """A second one, which is reached through the first."""
    request, said = first
    evidence = codec.parse(Evidence, said)
    (address,) = [
        fixed["ip_address"]
        for fixed in world.cloud.network.get_port(request.port).fixed_ips
        if "." in fixed["ip_address"]
    ]
    bastion = Bastion(request.machine, address, request.verify.user, evidence.host_keys)
    through = replace(world.boot("two"), access="bastion", bastion=bastion)
    done = world.run("flakeship:openstack:Verification", through)
    assert done.code == 0, done.stderr
    assert f"using {request.machine} as a bastion" in done.stderr
    return through, done.stdout


def details(printed: str) -> dict[str, str]:
    return {check.name: check.detail for check in codec.parse(Evidence, printed).checks}


def failed(result: Result) -> set[str]:
    assert result.code == 1, result.stdout
    assert "Traceback" not in result.stderr
    return set(re.findall(r"^  ✗ ([\w-]+):", result.stderr, re.MULTILINE))


def test_directly(world: World, first: tuple[VerifyServerRequest, str]) -> None:
    seen = details(first[1])
    assert seen["ipv6"].endswith("tcp 22, 80 answer; seen from this machine")
    assert seen["port-scan"].endswith("seen from this machine")
    assert seen["reactivation"].endswith("the release is still running")
    assert not world.left()


def test_again_with_the_keys_that_are_pinned(
    world: World, first: tuple[VerifyServerRequest, str]
) -> None:
    request, said = first
    (address,) = re.findall(r"(198\S+) on port", details(said)["api"])
    done = world.run("flakeship:openstack:Verification", replace(request, stable=address), said)
    assert details(done.stdout)["host-key"].endswith("the one that was pinned before")
    assert details(done.stdout)["reactivation"].startswith("skipped")
    other = json.dumps(json.loads(said) | {"host_keys": ["ssh-ed25519 AAAA"]})
    assert (
        "its SSH host key has changed"
        in world.run("flakeship:openstack:Verification", request, other).stderr
    )


def test_through_the_active_server(second: tuple[VerifyServerRequest, str]) -> None:
    request, said = second
    assert request.bastion
    seen = details(said)
    assert seen["port-scan"].endswith(f"seen from {request.bastion.name}")
    assert "tcp 22, 80 answer" in seen["ipv6"]


def test_through_a_bastion_of_ones_own(
    world: World, second: tuple[VerifyServerRequest, str]
) -> None:
    request, said = second
    assert request.bastion
    identity = request.verify.identity
    found = replace(request.bastion, name="bastion")
    own = OwnBastion(**vars(found), port=22, identity=identity)
    done = world.run("flakeship:openstack:Verification", replace(request, bastion=own), said)
    assert details(done.stdout)["port-scan"].endswith("seen from bastion")
    wrong = replace(request, bastion=replace(own, host_keys=[ED25519]))
    refused = world.run("flakeship:openstack:Verification", wrong, said)
    assert refused.code == 1
    assert "flakeship:openstack.bastion.hostKey: the login on the bastion" in refused.stderr


def test_each_check_of_a_cloud_fails(world: World, second: tuple[VerifyServerRequest, str]) -> None:
    """Something listens where only neighbours may come; IPv6 is let in no more; other wishes."""
    request, said = second
    for rule in world.cloud.network.security_group_rules(security_group_id=world.group):
        if (rule.ether_type, rule.port_range_min) == ("IPv6", 80):
            world.cloud.network.delete_security_group_rule(rule)
    let_in(world.cloud, world.group, 9999, "IPv4", remote_group_id=world.group)
    assert request.bastion
    (address,) = re.findall(r"(198\S+) on port", details(said)["api"])
    script = (
        "nft insert rule inet filter input tcp dport 9999 accept; "
        "dropbear -E -r /etc/ssh/ssh_host_ed25519_key -p 9999"
    )
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    login = ["ssh", "-F", "/dev/null", *known, "-i", str(world.identity), f"nixos@{address}"]
    run([*login, f"sudo sh -c {json.dumps(script)} </dev/null >/dev/null 2>&1"], timeout=60)
    other = replace(request.verify, toplevel="/nix/store/another")
    wrong = replace(request, flavor="s1.small", verify=other)
    seen = failed(world.run("flakeship:openstack:Verification", wrong, said))
    let_in(world.cloud, world.group, 80, "IPv6")
    assert seen >= {"api", "port-scan", "ipv6", "reactivation"}


def test_a_test_server_leaves_nothing(world: World) -> None:
    done = world.run(EPHEMERAL, world.ephemeral())
    assert done.code == 0, done.stderr
    assert not world.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_verification_that_is_ended(world: World, number: signal.Signals) -> None:
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(COMMAND, text=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(creation(EPHEMERAL, world.ephemeral()))
        process.stdin.close()
        assert "created the test server" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(number)
        process.wait(120)
    if number == signal.SIGKILL:
        assert world.left()
        again = world.run(EPHEMERAL, world.ephemeral())
        assert "removing what a killed run left" in again.stderr
        assert again.code == 0, again.stderr
    assert not world.left()
