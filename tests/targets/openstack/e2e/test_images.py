"""Publishing and withdrawing in a real Glance, and the inspection of the whole cloud."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from dev.openstack.__main__ import CLOUD
from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.rollout.ownership import RELEASE, STACK
from flakeship.system.backoff import backoff
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.images.publish import publish, set_visibility, withdraw
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.requests import PublishRequest, VisibilityRequest
from tests.operations import COMMAND, creation

BIG = 300 << 20
"""Bytes of an image whose upload takes long enough to be interrupted."""


@pytest.fixture
def connection() -> Iterator[Connection]:
    with connected(CLOUD) as made:
        yield made


@pytest.fixture
def stack(connection: Connection) -> Iterator[str]:
    """A stack's name of its own; nothing of it stays."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    for image in ours(connection, name):
        connection.image.delete_image(image["id"])


@pytest.fixture
def wanted(stack: str, tmp_path: Path) -> PublishRequest:
    file = tmp_path / "disk.raw"
    file.write_bytes(os.urandom(1 << 20))
    marks = {STACK: stack, RELEASE: "web-1", "os_distro": "nixos"}
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    return PublishRequest("web-1", str(file), digest, 64, marks, "private", cloud=CLOUD)


def ours(connection: Connection, stack: str) -> list[dict[str, Any]]:
    """Glance's images of a stack, hidden or not, in any state."""
    found: list[dict[str, Any]] = []
    for hidden in ("true", "false"):
        query = f"/images?{STACK}={stack}&os_hidden={hidden}"
        found += connection.image.get(query).json()["images"]
    return found


def refused(call: Callable[[], object]) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        call()
    return raised.value


def test_an_image_lives(connection: Connection, stack: str, wanted: PublishRequest) -> None:
    done = publish(wanted, None)
    (image,) = ours(connection, stack)
    expected = {
        "id": done.id, "status": "active", "os_hash_algo": "sha512", "disk_format": "raw",
        "os_hash_value": wanted.sha512, "size": done.size, "min_ram": 64, "min_disk": 1,
        "os_hidden": True, "visibility": "private", "tags": ["flakeship"], "os_distro": "nixos",
    }  # fmt: skip
    assert {key: image[key] for key in expected} == expected
    # what others add stays, what differs is patched
    connection.image.update_image(done.id, theirs="yes")
    changed = replace(wanted, visibility="community", properties={**wanted.properties, "a/b": "c"})
    assert publish(changed, done) == done
    set_visibility(VisibilityRequest([done.id], [], cloud=CLOUD))
    (image,) = ours(connection, stack)
    assert (image["visibility"], image["theirs"], image["a/b"]) == ("community", "yes", "c")
    assert not image["os_hidden"]
    # deleted behind our back
    connection.image.delete_image(done.id)
    again = publish(wanted, done)
    assert again.id != done.id
    withdraw(wanted, again)
    withdraw(wanted, again)
    assert not ours(connection, stack)


def test_a_wrong_sha512_leaves_nothing(
    connection: Connection, stack: str, wanted: PublishRequest
) -> None:
    assert (
        refused(lambda: publish(replace(wanted, sha512="0" * 128), None)).code
        == "image-file-changed"
    )
    assert not ours(connection, stack)


def test_what_glance_refuses_leaves_nothing(
    connection: Connection, stack: str, wanted: PublishRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a qcow2 that names a file of the host's as its backing file
    header = image_file.QCOW2 + (3).to_bytes(4, "big") + (104).to_bytes(8, "big")
    header += (12).to_bytes(4, "big") + (16).to_bytes(4, "big") + (1 << 20).to_bytes(8, "big")
    data = header + bytes(72) + b"/etc/hostname" + bytes(65536)
    Path(wanted.file).write_bytes(data)
    broken = replace(wanted, sha512=hashlib.sha512(data).hexdigest())
    assert refused(lambda: publish(broken, None)).code == "image-refers"
    monkeypatch.setattr(image_file, "check", lambda *_: None)
    error = refused(lambda: publish(broken, None))
    assert error.code == "image-refused"
    assert error.what.endswith(f"{wanted.file}, which begins as qcow2: Image failed safety checks")
    assert not ours(connection, stack)


def test_an_image_in_use_is_not_withdrawn(connection: Connection, wanted: PublishRequest) -> None:
    done = publish(wanted, None)
    flavor = connection.compute.find_flavor("s1.nano", ignore_missing=False)
    server = connection.compute.create_server(
        name="flakeship-test-user", image_id=done.id, flavor_id=flavor.id, networks="none"
    )
    try:
        error = refused(lambda: withdraw(wanted, done))
        assert error.code == "image-in-use"
        assert error.what.startswith("flakeship-test-user (project ")
        seen = inspect(CLOUD)
        assert [user.name for user in seen.users(done.id)] == ["flakeship-test-user"]
        everywhere = inspect(f"{CLOUD}-admin")
        assert everywhere.everywhere
        assert everywhere.users(done.id)
    finally:
        connection.compute.delete_server(server)
        connection.compute.wait_for_delete(server)
    # a list of Nova's has it for a moment longer
    assert any(not inspect(CLOUD).users(done.id) for _ in backoff(60))
    withdraw(wanted, done)


def test_a_protected_image_is_not_withdrawn(connection: Connection, wanted: PublishRequest) -> None:
    done = publish(wanted, None)
    connection.image.update_image(done.id, is_protected=True)
    try:
        assert f"--unprotect {done.id}" in refused(lambda: withdraw(wanted, done)).remedy
    finally:
        connection.image.update_image(done.id, is_protected=False)


def test_what_roles_do_not_allow(
    connection: Connection, stack: str, wanted: PublishRequest
) -> None:
    assert (
        refused(lambda: publish(replace(wanted, visibility="public"), None)).code
        == "visibility-forbidden"
    )
    with pytest.raises(FlakeshipError) as raised:
        publish(replace(wanted, cloud=f"{CLOUD}-reader"), None)
    assert (raised.value.code, raised.value.given) == ("role-missing", "reader")
    assert "it needs the role member" in raised.value.what
    assert not ours(connection, stack)


def test_an_unknown_cloud_and_wrong_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FlakeshipError) as raised:
        inspect("nowhere")
    assert (raised.value.code, raised.value.given) == ("cloud-unknown", "nowhere")
    assert CLOUD in raised.value.allowed
    other = OpenStackConfig().cloud_config["clouds"][f"{CLOUD}-other"]
    file = tmp_path / "clouds.yaml"
    wrong = {**other, "auth": {**other["auth"], "password": "not-this"}}
    file.write_text(json.dumps({"clouds": {"wrong": wrong}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    with pytest.raises(FlakeshipError) as raised:
        inspect("wrong")
    assert (raised.value.code, raised.value.key) == ("credentials-refused", "wrong")
    assert f"the credentials in {file} are not accepted (401, " in raised.value.what
    assert "not-this" not in str(raised.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_upload(
    connection: Connection, stack: str, wanted: PublishRequest, number: signal.Signals
) -> None:
    with Path(wanted.file).open("wb") as file:
        file.truncate(BIG)
    with Path(wanted.file).open("rb") as data:
        big = replace(wanted, sha512=hashlib.file_digest(data, "sha512").hexdigest())
    with subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as command:  # fmt: skip
        assert command.stdin
        command.stdin.write(creation("flakeship:openstack:GlanceImage", big))
        command.stdin.close()
        command.stdin = None
        deadline = time.monotonic() + 60
        while "saving" not in [image["status"] for image in ours(connection, stack)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        command.send_signal(number)
        _, errors = command.communicate(timeout=60)
    if number == signal.SIGKILL:
        # what nobody could remove is removed by the next upload of the release
        done = publish(big, None)
        assert [image["id"] for image in ours(connection, stack)] == [done.id]
    else:
        assert (command.returncode, errors) == (130, "operate: interrupted\n")
        assert not ours(connection, stack)


def test_one_look_shows_what_is_there(wanted: PublishRequest) -> None:
    done = publish(wanted, None)
    seen = inspect(CLOUD)
    (image,) = [image for image in seen.images if image.id == done.id]
    assert (image.name, image.status) == (wanted.name, "active")
    assert {"public", "provider"} <= {network.name for network in seen.networks}
    assert [network.name for network in seen.networks if network.external] == ["public"]
    assert {"s1.nano", "s1.tiny"} <= {flavor.name for flavor in seen.flavors}
    assert any(flavor.extra_specs for flavor in seen.flavors)
    assert {"instances", "cores", "ram", "ports", "floatingips", "security_groups"} <= set(
        seen.left
    )
    assert {"member", "reader"} == set(seen.roles)
