"""The preview refuses what the cloud would refuse only after build and upload."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError, SettingError, SettingsError
from flakeship.targets.openstack import accepted, user_data
from flakeship.targets.openstack.inventory import Network
from tests.targets.openstack.unit.world import PROVIDER, PUBLIC, WEB, World, settings
from tests.unit.model.test_ledger import release

SECRET = "nobody's business "


def problem(world: World, *servers: dict[str, Any], **given: Any) -> SettingError:
    with pytest.raises(SettingError) as raised:
        world.plan(settings(*servers, **given), release(1))
    return raised.value


@pytest.mark.parametrize("existing", [[], ["ci", "nobodys"]])
def test_a_key_pair_of_somebody_else(existing: list[str]) -> None:
    world = World()
    world.change(keypairs=existing, user="alice")
    error = problem(world, {**WEB, "keypair": "nobody"})
    assert (error.code, error.given) == ("keypair-missing", "nobody")
    assert error.key == "flakeship:servers[web].openstack.keypair"
    assert "alice" in error.what
    assert error.allowed == (", ".join(existing) or "none: leave it out")
    world.change(keypairs=["nobody"])
    assert world.plan(settings({**WEB, "keypair": "nobody"}), release(1))


def test_a_volume_without_cinder() -> None:
    world = World()
    world.change(volumes=False)
    error = problem(world, {**WEB, "volume": True})
    assert (error.code, error.key) == (
        "volumes-missing", "flakeship:servers[web].openstack.volume",
    )  # fmt: skip
    assert world.plan(settings(WEB), release(1))


@pytest.mark.parametrize(
    ("limit", "number", "fits"), [(128, 122, True), (128, 123, False), (0, 200, True)]
)
def test_more_metadata_than_the_quota(limit: int, number: int, *, fits: bool) -> None:
    world = World()
    world.change(metadata=limit)
    given = {**WEB, "metadata": {f"key-{n}": "x" for n in range(number)}}
    if fits:
        assert world.plan(settings(given), release(1))
        return
    error = problem(world, given)
    assert (error.code, error.given) == ("metadata-too-many", str(number))
    assert str(limit - accepted.OWN) in error.allowed


def test_a_value_of_metadata_that_is_too_long() -> None:
    with pytest.raises((SettingError, SettingsError)) as raised:
        settings({**WEB, "metadata": {"note": "y" * 256}})
    assert "metadata" in str(raised.value)
    assert settings({**WEB, "metadata": {"note": "y" * 255}})


@pytest.mark.parametrize(
    ("key", "given"), [("network", {"network": "bare"}), ("pool", {"pool": "bare"})]
)
def test_a_network_without_a_subnet(key: str, given: dict[str, Any]) -> None:
    world = World()
    bare = Network("n-bare", "bare", external=key == "pool", subnets=False)
    world.change(networks=[PUBLIC, PROVIDER, bare])
    error = problem(world, WEB, openstack=given)
    assert (error.code, error.key) == ("network-without-subnet", f"flakeship:openstack.{key}")
    assert "bare" not in error.allowed


def test_on_a_network_without_port_security_nothing_is_enforced() -> None:
    world = World()
    world.change(networks=[PUBLIC, replace(PROVIDER, port_security=False)])
    given = settings(WEB, openstack={"network": "provider"})
    made = world.up(given, release(1))
    (machine,) = made.machines.active
    assert not machine.port_security
    assert any("no port security" in each for each in made.warnings)
    # the port that exists stays without, whatever becomes of the network
    world.change(networks=[PUBLIC, PROVIDER])
    again = world.plan(given, release(1))
    assert again.machines.active == made.machines.active


LARGEST = user_data.LARGEST - user_data.LARGEST % 3


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        (b"#cloud-config\n", True),
        (b"#" * 49149, True),
        (b"#" * 49150, False),
        (b"#" * 60000, False),
        (b"x" * 10_000_000, False),
        ("ü".encode() * 24574, True),
        ("ü".encode() * 24576, False),
        (base64.b64encode(b"x" * 49149), True),
        (base64.b64encode(b"x" * 49152), False),
        (gzip.compress(b"#cloud-config\n", mtime=0), True),
        (b"\xff\xfe" + bytes(range(256)) * 190, True),
        (b"\xff\xfe" + bytes(range(256)) * 200, False),
    ],
)
def test_user_data_is_at_most_what_nova_takes(
    tmp_path: Path, content: bytes, *, fits: bool
) -> None:
    file = tmp_path / "data"
    file.write_bytes(content)
    given = settings({**WEB, "userData": str(file)})
    if fits:
        (text,) = user_data.read(given).values()
        sent = text if user_data._encoded(text) else base64.b64encode(text.encode()).decode()
        assert len(sent) <= user_data.ENCODED
        assert base64.b64decode(sent) == content or sent.encode() == content
        return
    with pytest.raises(SettingError) as raised:
        user_data.read(given)
    error = raised.value
    assert (error.code, error.key) == (
        "user-data-too-long", "flakeship:servers[web].openstack.userData",
    )  # fmt: skip
    assert str(file)[:80] in error.given
    assert len(str(error)) < 600


def test_user_data_is_never_repeated() -> None:
    with pytest.raises(FlakeshipError) as raised:
        user_data.read(settings({**WEB, "userData": SECRET * 5000}))
    assert SECRET.strip() not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["~nosuchuser/x", "./gone", "/" + "x" * 5000, "/etc", "/root/\x00"]
)
def test_a_file_that_cannot_be_read(name: str) -> None:
    with pytest.raises(SettingError) as raised:
        user_data.read(settings({**WEB, "userData": name}))
    assert raised.value.code in {"file-missing", "file-unreadable", "setting-invalid"}
    assert raised.value.key.endswith(".openstack.userData")
    assert len(raised.value.given) <= 80


def test_where_a_run_acts_and_as_whom_is_a_fact() -> None:
    world = World()
    world.change(user="alice", region="north")
    fact = world.plan(settings(WEB, openstack={"cloud": "prod"}), release(1)).facts[0]
    assert fact == "cloud prod: project demo (0badc0de), region north, user alice"


def test_an_existing_address_of_somebody_else_is_told() -> None:
    world = World()
    other = json.loads('{"address": "203.0.113.50", "port": "theirs"}')
    from flakeship.targets.openstack.inventory import Address  # noqa: PLC0415

    world.change(addresses=[Address(**other)])
    made = world.plan(settings({**WEB, "address": "203.0.113.50"}), release(1))
    assert any("leads to the port theirs" in each for each in made.warnings)
