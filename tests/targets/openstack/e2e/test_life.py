"""The whole life of a stack on a real cloud, in the order in which it is lived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from flakeship.rollout.ownership import NAME, RELEASE, STACK
from flakeship.targets.openstack.api.connection import connected
from tests.prober import Prober
from tests.targets.openstack.e2e.project import ADMIN, WEB, CloudStack, stack_on_cloud

USER_DATA = "#cloud-config\n# a token that is nobody's business\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudStack]:
    with stack_on_cloud(tmp_path_factory.mktemp("cloud")) as made:
        made.settings({**WEB, "userData": USER_DATA}, retainReleases=2)
        yield made


def test_up_publishes_boots_verifies_and_gives_the_address(stack: CloudStack) -> None:
    stack.up()
    assert "appliance" in stack.page()
    seen = stack.evidence(stack.machine())
    assert {"host-key", "api", "port-scan", "reactivation", "nix-build", "greeting"} <= set(seen)
    assert "s1.tiny" in seen["api"]
    (name, server_id), *more = stack.servers().items()
    assert (name, more) == (stack.machine(), [])
    server = stack.cloud.compute.get_server(server_id)
    release = stack.running()
    marks = {STACK: stack.stack, NAME: "web", RELEASE: release}
    assert {key: server.metadata[key] for key in marks} == marks
    # the temporary floating IP of the checks is gone, the server's own is there
    (address,) = stack.cloud.network.ips(tags=f"{STACK}={stack.stack}")
    assert address.floating_ip_address == stack.address()


def test_the_image_says_what_it_is(stack: CloudStack) -> None:
    (record,) = stack.outputs()["releases"]
    image = stack.images()[stack.running()]
    expected = {
        "status": "active",
        "visibility": "private",
        "os_hidden": False,
        "disk_format": "qcow2",
        "min_disk": 1,
        "min_ram": 256,
        "os_hash_value": record["artifact"]["files"][0]["sha512"],
        "os_distro": "nixos",
        "architecture": "x86_64",
        "hw_disk_bus": "virtio",
        "flakeship_toplevel": record["release"]["toplevel"],
        "flakeship_derivation": record["release"]["drv"],
        "flakeship_revision": record["release"]["revision"],
        "flakeship_dirty": "false",
    }
    assert {key: image.get(key) for key in expected} == expected


def test_the_state_holds_no_credential(stack: CloudStack) -> None:
    state = json.dumps(stack.resources())
    with connected(stack.env["OS_CLOUD"]) as cloud:
        auth = cloud.config.get_auth_args()
    secrets = [auth[key] for key in ("application_credential_secret", "password") if key in auth]
    assert secrets
    secrets.append("nobody's business")
    assert not [secret for secret in secrets if secret in state]


def test_again_nothing_changes(stack: CloudStack) -> None:
    stack.preview("--expect-no-changes")
    stack.up("--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_new_release_takes_over_while_the_old_one_answers(stack: CloudStack) -> None:
    first, old = stack.machine(), stack.running()
    stack.edit("Hello from the appliance", "Welcome to the appliance")
    plan = stack.preview()
    assert "with a new root disk (nothing is copied) beside" in plan
    address = stack.address()

    def page() -> str:
        with urlopen(f"http://{address}/", timeout=5) as answer:
            return str(answer.read().decode())

    with Prober(page, 0.1) as prober:
        stack.up()
        time.sleep(0.5)
    said = [each.partition(" ")[0] for _, each in prober.seen]
    assert set(said) <= {"Hello", "Welcome", "failed:"}
    turn = said.index("Welcome")
    assert "Hello" not in said[turn:]
    assert said.count("failed:") <= 1, prober.seen
    assert set(stack.servers()) == {first, stack.machine()}
    images = stack.images()
    assert {name: image["os_hidden"] for name, image in images.items()} == {
        old: True,
        stack.running(): False,
    }
    # the old one was the peer from which the new one was scanned
    assert f"seen from {first}" in stack.evidence(stack.machine())["port-scan"]
    stack.preview("--expect-no-changes")


def test_a_release_that_fails_changes_nothing(stack: CloudStack) -> None:
    before = stack.outputs()
    stack.edit("services = { };", 'services.broken = { command = "false"; oneshot = true; };')
    said = stack.fails()
    assert "✗ system: degraded, failed units: broken.service" in said
    assert "No traffic was moved" in said
    assert stack.outputs() == before
    assert "Welcome" in stack.page()
    (_,) = stack.cloud.network.ips(tags=f"{STACK}={stack.stack}")
    (failed,) = stack.images().keys() - {r.rpartition("/")[2] for r in named(before)}
    assert stack.images()[failed]["os_hidden"]


def named(outputs: dict[str, object]) -> list[str]:
    details = outputs["openstack"]
    assert isinstance(details, dict)
    return list(details["published"])


def test_going_back_boots_nothing(stack: CloudStack) -> None:
    older = stack.outputs()["releases"][1]["release"]
    name = f"appliance-{Path(older['out']).name[:8]}"
    servers = stack.servers()
    stack.config("release", name)
    stack.up()
    assert stack.running() == name
    assert "Hello" in stack.page()
    # what the failed run had left goes; those two stay as they were
    assert stack.servers().items() <= servers.items()
    assert len(stack.servers()) == 2
    assert not stack.images()[name]["os_hidden"]
    stack.preview("--expect-no-changes")


def test_a_second_server_and_a_larger_flavor(stack: CloudStack) -> None:
    web = stack.machine()
    stack.settings(
        {**WEB, "memory": "1G"}, {**WEB, "name": "api"}, retainReleases=2, release=stack.running()
    )
    stack.up()
    assert stack.machine() != web
    assert stack.outputs()["servers"]["web"]["openstack"]["flavor"] == "s1.plus"
    assert stack.outputs()["servers"]["api"]["openstack"]["flavor"] == "s1.tiny"
    assert "Hello" in stack.page("api")
    assert stack.address("api") != stack.address("web")
    # less again: the flavor stays, and the plan says which smaller one there is
    stack.settings(WEB, {**WEB, "name": "api"}, retainReleases=2, release=stack.running())
    assert "keeps s1.plus; s1.tiny fits too and is smaller" in stack.preview("--expect-no-changes")


def test_one_failing_server_stops_itself_alone(stack: CloudStack) -> None:
    """The healthy one is verified and cut over; the ledger waits for both."""
    before = stack.outputs()
    stack.edit("Welcome to the appliance", "Good morning from the appliance")
    stack.edit('services.broken = { command = "false"; oneshot = true; };', "services = { };")
    wrong = {"name": "greeting", "http": 80, "contains": "something else", "timeout": 2}
    stack.settings(WEB, {**WEB, "name": "api", "checks": [wrong]}, retainReleases=2)
    said = stack.fails("--continue-on-error")
    assert "api-" in said
    assert "✗ greeting" in said
    assert "Good morning" in stack.page("web")
    assert "Hello" in stack.page("api")
    assert stack.outputs() == before
    stack.settings(WEB, {**WEB, "name": "api"}, retainReleases=2)
    stack.up()
    assert "Good morning" in stack.page("api")
    stack.preview("--expect-no-changes")


def test_an_image_in_use_outlives_its_release(stack: CloudStack) -> None:
    older = stack.outputs()["releases"][1]["release"]
    name = f"appliance-{Path(older['out']).name[:8]}"
    flavor = stack.cloud.compute.find_flavor("s1.tiny", ignore_missing=False)
    network = stack.networking()["networks"][0]
    stranger = stack.cloud.compute.create_server(
        name="theirs",
        image_id=stack.images()[name]["id"],
        flavor_id=flavor.id,
        networks=[{"uuid": network}],
    )
    try:
        stack.edit("Good morning from the appliance", "Good evening from the appliance")
        stack.settings(WEB, retainReleases=1, standbyReleases=0)
        stack.cloud.compute.wait_for_server(stranger)
        said = stack.preview()
        assert f"the image of {name} stays: servers boot from it: theirs" in said
        stack.up()
        assert set(stack.images()) == {name, stack.running()}
        stack.preview("--expect-no-changes")
    finally:
        stack.cloud.compute.delete_server(stranger)
        stack.cloud.compute.wait_for_delete(stranger)
    stack.up()
    assert set(stack.images()) == {stack.running()}


def test_an_image_deleted_behind_our_back_comes_again_without_its_servers(
    stack: CloudStack,
) -> None:
    servers, image = stack.servers(), stack.images()[stack.running()]
    stack.cloud.image.delete_image(image["id"])
    plan = stack.preview()
    assert "compute:Instance" not in plan
    stack.up()
    assert stack.images()[stack.running()]["id"] != image["id"]
    assert stack.servers() == servers
    stack.preview("--expect-no-changes")


def test_a_flavor_deleted_behind_our_back_moves_nobody(stack: CloudStack) -> None:
    with connected(ADMIN) as admin:
        own = admin.compute.create_flavor(name=f"{stack.stack}-f", vcpus=1, ram=512, disk=2)
        try:
            stack.settings({**WEB, "flavor": own.name}, retainReleases=2)
            stack.up()
        finally:
            admin.compute.delete_flavor(own)
    said = stack.preview("--expect-no-changes")
    assert f"its flavor {own.name} is gone from the cloud" in said
    stack.edit("Good evening from the appliance", "Good night from the appliance")
    said = stack.refused()
    assert "is gone from the cloud" in said
    assert f"got {own.name}" in said


def test_a_server_deleted_behind_our_back_is_made_anew(stack: CloudStack) -> None:
    stack.settings(WEB, retainReleases=2)
    stack.up()
    lost = stack.machine()
    server = stack.cloud.compute.get_server(stack.servers()[lost])
    stack.cloud.compute.delete_server(server)
    stack.cloud.compute.wait_for_delete(server)
    assert f"{lost} is gone" in stack.preview()
    stack.up()
    assert stack.machine() != lost
    assert "Good night" in stack.page()
    stack.preview("--expect-no-changes")
