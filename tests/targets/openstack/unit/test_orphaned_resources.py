"""What a killed run has left on a cloud: what is found, what goes, and what is only told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.state import stack
from flakeship.state.stack import Stack
from flakeship.targets.openstack import orphaned_resources, owned_resources
from flakeship.targets.openstack.owned_resources import OwnedResource
from tests.targets.openstack.unit.fake_cloud import Cloud

READ = datetime(2026, 7, 2, 12, tzinfo=UTC)
STACK = {"flakeship_stack": "dev"}
MARKS = {**STACK, "flakeship_name": "web", "flakeship_release": "web-33333333"}
TEMPORARY = {**MARKS, "flakeship_temporary": "1"}
TAGS = [f"{key}={value}" for key, value in MARKS.items()]
OLD, YOUNG = "2026-06-01T00:00:00Z", "2026-07-02T11:00:00Z"


def left(kind: str, marks: dict[str, str], made: str | None = YOUNG, **more: Any) -> OwnedResource:
    when = datetime.fromisoformat(made) if made else None
    return OwnedResource(kind, "it", "its-name", made=when, marks=marks, **more)


def is_over(it: OwnedResource, ids: Collection[str] = (), gone: Collection[str] = ()) -> bool:
    return orphaned_resources.is_over(it, orphaned_resources.Found([], set(ids), READ), gone)


def test_a_temporary_address_that_leads_nowhere_is_over() -> None:
    assert is_over(left("floating ip", TEMPORARY))
    assert is_over(left("floating ip", TEMPORARY, at="a-port"), gone={"a-port"})
    assert not is_over(left("floating ip", TEMPORARY, OLD, at="a-port"))
    assert not is_over(left("floating ip", MARKS, OLD))


def test_a_test_server_is_over_when_it_is_older_than_any_run() -> None:
    assert is_over(left("server", TEMPORARY, OLD))
    assert not is_over(left("server", TEMPORARY, YOUNG))
    assert not is_over(left("server", TEMPORARY, None))
    assert not is_over(left("server", MARKS, OLD))


def test_the_port_of_a_test_server_is_over_with_its_server() -> None:
    assert is_over(left("port", TEMPORARY, OLD))
    assert is_over(left("port", TEMPORARY, OLD, at="server"), gone={"server"})
    assert not is_over(left("port", TEMPORARY, OLD, at="server"))
    assert not is_over(left("port", TEMPORARY, YOUNG))
    assert not is_over(left("port", MARKS, OLD))


@pytest.mark.parametrize("kind", ["server", "port"])
def test_what_stands_on_something_of_ours_is_ours(kind: str) -> None:
    on = left(kind, MARKS, stands_on=["a-port", "a-network"])
    assert is_over(on, {"a-network"})
    assert not is_over(on, {"another"})
    # it has no marks: somebody else may have put it there
    assert not is_over(left(kind, {}, stands_on=["a-network"]), {"a-network"})
    # the state may have been read before it was put down
    young = left(kind, MARKS, "2026-07-02T11:59:30Z", stands_on=["a-network"])
    assert not is_over(young, {"a-network"})
    unknown = left(kind, MARKS, None, stands_on=["a-network"])
    assert not is_over(unknown, {"a-network"})


@pytest.mark.parametrize("kind", ["network", "router", "security group", "image", "flavor"])
def test_what_others_may_use_is_never_over(kind: str) -> None:
    assert not is_over(left(kind, TEMPORARY, OLD, stands_on=["a-network"]), {"a-network"})


def test_the_ids_that_a_state_holds() -> None:
    resources = [
        {"urn": "u::web", "type": "flakeship:openstack:Server"},
        {"urn": "u::server-web", "id": "a-server", "type": "openstack:compute"},
        {"urn": "u::glance-a", "id": "g", "type": "c", "outputs": {"stdout": '{"id": "an-image"}'}},
        {"urn": "u::glance-b", "id": "h", "type": "c", "outputs": {}},
        {
            "urn": "u::dev",
            "type": "pulumi:pulumi:Stack",
            "outputs": {"published": {"b": {"id": "another-image", "count": 1}}},
        },
    ]
    ids = orphaned_resources.known(Stack("dev", {"resources": resources}))
    assert ids >= {"a-server", "an-image", "another-image"}


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"id-of-{name}", "name": name, "description": "", "tags": [], **more}


def port(name: str, **more: Any) -> dict[str, Any]:
    return named(name, **{"network_id": "shared", "device_id": "", "device_owner": "", **more})


def address(value: str, **more: Any) -> dict[str, Any]:
    common: dict[str, Any] = {"port_id": None, "description": "", "tags": []}
    return {**common, "id": f"id-of-{value}", "floating_ip_address": value, **more}


def everything() -> dict[str, list[dict[str, Any]]]:
    """A cloud with something of each kind of this stack, and of others."""
    rules = "The declared ports of servers"
    ours, other = [f"flakeship_stack={name}" for name in ("dev", "other")]
    return {
        "servers": [named("web-1", metadata=MARKS), named("dev", metadata={})],
        "server groups": [named("dev"), named("dev-web-33333333"), named("dev-web-44444444")],
        "flavors": [named("ours", extra_specs={"flakeship:stack": "dev"}), named("m1.small")],
        "ports": [
            port("tagged", tags=TAGS, device_id="id-of-web-1", device_owner="compute:nova"),
            port("told", description=" ".join(TAGS)),
            port("bare", network_id="id-of-dev-12ab"),
            port("dhcp", network_id="id-of-dev-12ab", device_owner="network:dhcp"),
            port("inside", device_owner="network:router_interface", device_id="id-of-dev-12ab"),
            port("elsewhere", device_owner="network:router_interface", device_id="r"),
            port("foreign"),
        ],
        "addresses": [
            address("203.0.113.1", tags=TAGS),
            address("203.0.113.2", description="flakeship dev web"),
            address("203.0.113.3", description="flakeship developers web"),
        ],
        "routers": [named("dev-12ab"), named("dev"), named("dev-12ab-ipv6x")],
        "networks": [
            named("dev-12ab"),
            named("dev"),
            named("dev-12AB"),
            named("dev-34cd", tags=[other]),
            named("net", tags=[ours]),
        ],
        "subnets": [
            named("dev-12ab-ipv6", network_id="x"),
            named("dev", network_id="x"),
            named("s", network_id="id-of-dev-12ab"),
        ],
        "security groups": [
            named("dev-0123abcd", description=rules),
            named("dev-0123abcd"),
            named("dev-more", description=rules),
        ],
        "images": [named("shown", **MARKS)],
        "hidden": [named("hidden", **MARKS), named("base")],
    }


def test_what_is_of_a_stack() -> None:
    found = [(each.kind, each.name) for each in owned_resources.of_stack("dev", everything())]
    assert found == [
        ("server", "web-1"),
        ("port", "tagged"),
        ("port", "told"),
        ("port", "bare"),
        ("floating ip", "203.0.113.1"),
        ("floating ip", "203.0.113.2"),
        ("router interface", "inside"),
        ("router", "dev-12ab"),
        ("subnet", "dev-12ab-ipv6"),
        ("subnet", "s"),
        ("network", "dev-12ab"),
        ("network", "net"),
        ("security group", "dev-0123abcd"),
        ("server group", "dev-web-33333333"),
        ("image", "shown"),
        ("image", "hidden"),
        ("flavor", "ours"),
    ]
    assert owned_resources.of_stack("nobody", everything()) == []


def test_what_it_stands_on() -> None:
    found = {each.name: each for each in owned_resources.of_stack("dev", everything())}
    assert found["web-1"].stands_on == ["id-of-tagged", "shared"]
    assert found["told"].stands_on == ["shared"]
    assert found["inside"].removal == "router remove port id-of-dev-12ab id-of-inside"
    assert found["hidden"].removal == "image delete id-of-hidden"


def on(cloud: Cloud) -> None:
    """A test server and an address that are over, and a network that is not for us to judge."""
    server = {"id": "s", "name": "web-1", "status": "ACTIVE", "image": None, "tenant_id": "p"}
    cloud.servers = [{**server, "metadata": TEMPORARY, "created": OLD}]
    told = " ".join(f"{key}={value}" for key, value in TEMPORARY.items())
    cloud.neutron = {"floatingips": [address("203.0.113.9", description=told)]}
    cloud.networks = [named("dev", tags=TAGS, created_at=OLD)]


def sweep(**state: Any) -> list[str]:
    return orphaned_resources.sweep(Stack("dev", state), "fake", lambda _: None)


def test_what_is_over_goes_and_the_rest_is_told(cloud: Cloud) -> None:
    on(cloud)
    lines = sweep()
    assert lines[:2] == [
        "removed the server web-1, ACTIVE, temporary, made 2026-06-01 00:00 UTC",
        "removed the floating ip 203.0.113.9, temporary",
    ]
    assert "the project ours of fake" in lines[2]
    assert lines[-1] == (
        "  openstack --os-cloud fake network delete id-of-dev  # dev, made 2026-06-01 00:00 UTC"
    )
    assert len(cloud.asked("^DELETE")) == 2
    assert sweep() == lines[2:]


def test_what_the_state_holds_is_left_alone(cloud: Cloud) -> None:
    on(cloud)
    ids = ["s", "id-of-203.0.113.9", "id-of-dev"]
    assert sweep(resources=[{"urn": "u::x", "type": "t", "id": each} for each in ids]) == []
    assert not cloud.asked("^DELETE")


def test_what_cannot_be_removed_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    on(cloud)
    monkeypatch.setattr("flakeship.targets.openstack.api.deletion.PATIENCE", 0.1)
    cloud.refuse("DELETE /compute", 409, {"conflictingRequest": {"message": "it is locked"}})
    said: list[str] = []
    lines = orphaned_resources.sweep(Stack("dev", {}), "fake", said.append)
    assert said[0].startswith("server web-1 could not be removed: it is locked; try `openstack --")
    assert any("openstack --os-cloud fake server delete s  # web-1" in line for line in lines)


def test_a_state_of_another_project_is_refused(cloud: Cloud) -> None:
    on(cloud)
    other = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": {"project": "q"}}
    with pytest.raises(FlakeshipError, match=r"lives in the project q, and these .* ours \(p\)"):
        sweep(resources=[other])
    assert not cloud.asked("^DELETE")


@pytest.mark.parametrize(
    ("made", "waits"),
    [
        ("2026-07-02T11:59:20Z", 21),
        ("2026-07-02T12:00:30Z", 91),
        ("2026-07-02T11:58:59Z", 0),
        ("2026-07-02T13:00:00Z", 0),
        (None, 0),
    ],
)
def test_what_is_young_and_ours_is_waited_for(made: str | None, waits: int) -> None:
    said: list[str] = []
    young = left("server", MARKS, made, stands_on=["a-network"])
    others = left("server", MARKS, made, stands_on=["another"])
    shared = left("router", MARKS, made, stands_on=["a-network"])
    found = orphaned_resources.Found([others, young, shared], {"a-network"}, READ)
    assert orphaned_resources.patience(found, said.append) == waits
    assert len(said) == bool(waits)
    if waits == 21:
        assert said[0] == (
            "server its-name: made 40 s ago: waiting 21 s to be sure that no run is under way"
        )


@pytest.mark.parametrize("taken", [False, True])
def test_after_the_wait_the_state_is_read_anew(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    on(cloud)
    made = datetime.now(UTC) - timedelta(seconds=40)
    young = port("young", tags=TAGS, created_at=f"{made:%Y-%m-%dT%H:%M:%SZ}")
    cloud.neutron["ports"] = [young]
    cloud.servers, cloud.neutron["floatingips"], cloud.networks = [], [], []
    state = {"resources": [{"urn": "u::n", "type": "t", "id": "shared"}]}
    later = {"resources": [*state["resources"], {"urn": "u::p", "type": "t", "id": young["id"]}]}
    monkeypatch.setattr(stack, "selected", lambda: Stack("dev", later if taken else state))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        young["created_at"] = OLD  # as if the time had passed

    monkeypatch.setattr("flakeship.targets.openstack.orphaned_resources.time.sleep", sleep)
    lines = sweep(**state)
    assert 15 < slept[0] < 25
    assert lines == ([] if taken else ["removed the port young, made 2026-06-01 00:00 UTC"])


@pytest.mark.usefixtures("cloud")
def test_no_credentials_are_an_error_only_where_there_is_something() -> None:
    (line,) = orphaned_resources.sweep(Stack("dev", {}), "nowhere", lambda _: None)
    assert line.startswith("nothing is in the state, and the cloud was not looked at: nowhere: ")
    with pytest.raises(FlakeshipError, match="nowhere: there is no cloud of this name"):
        orphaned_resources.sweep(
            Stack("dev", {"resources": [{"urn": "u::x", "type": "t"}]}), "nowhere", lambda _: None
        )


def test_everything_is_listed() -> None:
    assert set(owned_resources.LISTS) == set(everything())
