"""The inspection of a cloud: which calls it makes, how often, and what becomes of the answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import NAME, STACK
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected
from flakeship.targets.openstack.functions import FUNCTIONS
from flakeship.targets.openstack.inspect import inspect
from flakeship.targets.openstack.inventory import (
    Address,
    Flavor,
    Image,
    Needed,
    Network,
    Server,
)
from flakeship.targets.openstack.plan import OpenStackTarget
from tests.targets.openstack.unit.fake_cloud import Cloud, settings
from tests.targets.openstack.unit.world import WEB
from tests.targets.openstack.unit.world import settings as stack_settings

VOLUMES = Needed(volumes=True)


async def directly(name: str, request: Any) -> Any:
    """Call a function in this process."""
    return FUNCTIONS[name].call(request)


def booted(name: str, project: str, image: str = "") -> dict[str, Any]:
    return {
        "id": name, "name": name, "status": "ACTIVE", "tenant_id": project,
        "image": {"id": image} if image else "", "metadata": {STACK: "dev"},
        "flavor": {"original_name": "s1.small", "vcpus": 1},
    }  # fmt: skip


@pytest.fixture
def furnished(cloud: Cloud) -> Cloud:
    flavor = {"vcpus": 2, "ram": 512, "disk": 3, "OS-FLV-EXT-DATA:ephemeral": 1}
    cloud.only(
        "flavors",
        {"id": "f1", "name": "s1.small", **flavor, "extra_specs": {"hw:cpu_policy": "shared"}},
        {"id": "f2", "name": "gone", **flavor, "OS-FLV-DISABLED:disabled": True},
    )
    common = {"status": "active", "tags": ["flakeship"], "owner": "p", "visibility": "private"}
    cloud.put(
        "images",
        {"id": "i1", "name": "one", **common, "os_hidden": False},
        {"id": "i2", "name": "two", **common, "os_hidden": True},
    )
    cloud.only(
        "servers", booted("web", "p", "i1"), booted("volume", "p"), booted("theirs", "q", "i1")
    )
    cloud.only(
        "networks",
        {"id": "n1", "name": "public", "router:external": True, "subnets": ["s"]},
        {"id": "n2", "name": "empty", "router:external": False, "subnets": []},
    )
    floating = {"floating_ip_address": "203.0.113.7", "port_id": "p1"}
    cloud.only(
        "floatingips",
        {"id": "a1", **floating, "tags": [f"{STACK}=dev", f"{NAME}=web", "theirs"]},
        {"id": "a2", "floating_ip_address": "203.0.113.8", "port_id": None},
    )
    return cloud


def test_everything_is_seen_with_one_list_of_each_kind(furnished: Cloud) -> None:
    seen = inspect("fake")
    assert (seen.project, seen.project_name, seen.roles) == ("p", "ours", ["member", "reader"])
    assert seen.flavors == [
        Flavor("f1", "s1.small", 2, 512, 3072, 1024, {"hw:cpu_policy": "shared"})
    ]
    assert seen.images == [
        Image("i1", "one", "active", "private", hidden=False, owner="p"),
        Image("i2", "two", "active", "private", hidden=True, owner="p"),
    ]
    assert seen.servers == [
        Server("web", "web", "ACTIVE", "i1", "s1.small", "p", "dev"),
        Server("volume", "volume", "ACTIVE", "", "s1.small", "p", "dev"),
    ]
    assert seen.networks == [Network("n1", "public", True), Network("n2", "empty", False, False)]
    assert seen.addresses == [
        Address("203.0.113.7", "p1", "dev", "web"),
        Address("203.0.113.8"),
    ]
    assert not seen.everywhere
    assert len(furnished.asked("POST")) == 1  # the token
    assert not furnished.asked("^(PUT|PATCH|DELETE)")
    for kind in (
        "flavors",
        "servers",
        "networks",
        "limits",
        "quotas",
        "floatingips",
        "security-groups",
    ):
        assert len(furnished.asked(f"GET .*/{kind}")) == 1
    assert len(furnished.asked("GET .*/images")) == 2  # what is hidden is another list


NETWORKS = "fields=id&fields=name&fields=router:external&fields=subnets"
GROUPS = "The+declared+ports+of+servers&project_id=p&fields=id&fields=name"
ALWAYS = [
    "GET /compute/v2.1/flavors/detail",
    "GET /compute/v2.1/limits",
    "GET /compute/v2.1/servers/detail",
    "GET /image/v2/images?tag=flakeship&owner=p&limit=1000",
    "GET /image/v2/images?tag=flakeship&owner=p&limit=1000&os_hidden=true",
    f"GET /network/v2.0/networks?{NETWORKS}&fields=port_security_enabled",
    "GET /network/v2.0/quotas/p/details",
    "POST /identity/v3/auth/tokens",
]
ADDRESSES = "GET /network/v2.0/floatingips?project_id=p"
RULES = f"GET /network/v2.0/security-groups?description={GROUPS}&fields=security_group_rules"
KEYPAIRS = "GET /compute/v2.1/os-keypairs"
QUOTA = "GET /volumev3/v3/p/os-quota-sets/p?usage=true"
PRIVATE: dict[str, Any] = {**WEB, "address": "none"}
EPHEMERAL = {"testServer": {"ephemeral": True}}


@pytest.mark.parametrize(
    ("servers", "options", "more"),
    [
        ([WEB], {}, [ADDRESSES, RULES]),
        ([PRIVATE], {}, [RULES]),
        ([], {}, [RULES]),
        ([], EPHEMERAL, []),
        ([{**WEB, "keypair": "mine", "volume": True}], {}, [ADDRESSES, RULES, KEYPAIRS, QUOTA]),
    ],
)
def test_a_preview_asks_for_what_its_plan_needs_and_nothing_else(
    furnished: Cloud, servers: list[dict[str, Any]], options: dict[str, Any], more: list[str]
) -> None:
    """No service is asked for its versions, and nothing twice."""
    furnished.services.append("volumev3")
    given = stack_settings(*servers, openstack={"cloud": "fake", **options})
    asyncio.run(OpenStackTarget("dev", given).inspect(directly, {}))
    assert sorted(unquote(call) for call in furnished.calls) == sorted([*ALWAYS, *more])


def test_all_lists_are_asked_for_at_the_same_time(
    furnished: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    furnished.services.append("volumev3")
    usual, together = furnished.answer, threading.Barrier(11)

    def answer(method: str, target: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            together.wait(5)  # it breaks where one waits for another
        return usual(method, target, body)

    monkeypatch.setattr(furnished, "answer", answer)
    inspect("fake", Needed(keypairs=True, volumes=True))
    assert "pool is full" not in caplog.text  # requests keeps ten connections to a host


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:9292", "http://h:9292/v2"),
        ("https://h/image/", "https://h/image/v2"),
        ("https://h/image/v2/", "https://h/image/v2/"),
        ("https://h/v2/c306", "https://h/v2/c306"),
        ("https://h/v1/c306", None),
        ("https://h/v2.1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_catalogue_tells_where_a_version_is(url: str | None, address: str | None) -> None:
    assert rest.versioned(url, "v2") == address


def test_what_the_quota_leaves(furnished: Cloud) -> None:
    left = inspect("fake").left
    assert left == {
        "instances": 6,
        "cores": 0,  # more in use than allowed
        "server_groups": 5,
        **dict.fromkeys(["networks", "subnets", "ports", "routers", "security_groups"], 97),
    }
    furnished.refuse("quotas", 403, {"NeutronError": {"message": "no"}})
    assert "networks" not in inspect("fake").left


def foreign(number: str, visibility: str = "shared", owner: str = "q") -> dict[str, Any]:
    return {
        "id": number, "name": number, "status": "active", "tags": [], "owner": owner,
        "visibility": visibility, "os_hidden": False,
        "os_hash_algo": "sha512", "os_hash_value": "ab",
    }  # fmt: skip


def test_images_that_a_plan_asks_for_are_seen_with_their_members(furnished: Cloud) -> None:
    furnished.put("images", foreign("theirs"), foreign("others"), foreign("all", "public"))
    furnished.images["i1"]["visibility"] = "shared"
    furnished.members = {"i1": {"q": "accepted", "r": "pending"}, "theirs": {"p": "rejected"}}
    asked = ["i1", "i2", "theirs", "others", "all", "gone", "../../v3", "a/b"]
    seen = {image.id: image for image in inspect("fake", images=asked).images}
    assert {number: image.members for number, image in seen.items()} == {
        "i1": {"q": "accepted", "r": "pending"},
        "i2": None,
        "theirs": {"p": "rejected"},
        "others": {},
        "all": None,
    }
    assert (seen["theirs"].owner, seen["theirs"].sha512) == ("q", "ab")
    # what is no id is no part of an address
    assert not furnished.asked(r"\.\.|a/b|a%2Fb")
    assert not furnished.asked("^(PUT|PATCH|DELETE)")


def test_members_that_may_not_be_listed_are_not_known(furnished: Cloud) -> None:
    furnished.images["i1"]["visibility"] = "shared"
    furnished.refuse("/members", 403, "Not allowed to list members")
    seen = inspect("fake", images=["i1"])
    assert [image.members for image in seen.images if image.id == "i1"] == [None]


def test_what_cinders_quota_leaves_is_read_where_it_is_needed(furnished: Cloud) -> None:
    assert inspect("fake", VOLUMES).left.get("volumes") is None  # there is no Cinder
    furnished.services.append("volumev3")
    assert inspect("fake").left.get("volumes") is None
    assert not furnished.asked("os-quota-sets")
    left = inspect("fake", VOLUMES).left
    assert (left["volumes"], left["gigabytes"], left["per_volume_gigabytes"]) == (7, 97, 10)
    assert furnished.asked(r"GET /volumev3/v3/p/os-quota-sets/p\?usage=true")
    furnished.refuse("os-quota-sets", 403, {"forbidden": {"message": "no"}})
    assert "volumes" not in inspect("fake", VOLUMES).left


@pytest.mark.parametrize("kind", ["volumev3", "block-storage", "volumev2"])
def test_whether_there_is_cinder(furnished: Cloud, kind: str) -> None:
    assert not inspect("fake").volumes
    furnished.services.append(kind)
    assert inspect("fake").volumes


@pytest.mark.parametrize("place", ["regions", "interfaces"])
def test_cinder_of_another_region_or_interface_is_none(furnished: Cloud, place: str) -> None:
    furnished.services.append("volumev3")
    getattr(furnished, place)["volumev3"] = "internal"
    seen = inspect("fake", VOLUMES)
    assert not seen.volumes
    assert "volumes" not in seen.left
    assert not furnished.asked("os-quota-sets")


def test_cinder_may_be_named_in_clouds_yaml(furnished: Cloud, tmp_path: Path) -> None:
    url = f"{furnished.url}/volumev3/v3/p"
    own = settings(furnished.url) | {"block_storage_endpoint_override": url}
    file = tmp_path / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"fake": own}}))
    seen = inspect("fake", VOLUMES)
    assert seen.volumes
    assert seen.left["volumes"] == 7


def test_a_service_without_an_address_is_told(furnished: Cloud) -> None:
    with pytest.raises(FlakeshipError) as raised, connected("fake") as connection:
        rest.call(rest.client(connection, "block-storage"), "GET", "/limits")
    assert raised.value.code == "service-missing"
    assert furnished.asked("auth/tokens")


def test_an_admin_sees_the_servers_of_all_projects(furnished: Cloud) -> None:
    furnished.roles = ["admin"]
    seen = inspect("fake")
    assert seen.everywhere
    assert [user.project for user in seen.users("i1")] == ["p", "q"]


def test_an_admin_of_one_project_sees_its_servers(furnished: Cloud) -> None:
    furnished.roles = ["admin"]
    furnished.refuse("all_tenants", 403, {"forbidden": {"message": "Policy does not allow"}})
    seen = inspect("fake")
    assert not seen.everywhere
    assert [found.name for found in seen.servers] == ["web", "volume"]


def test_lists_are_read_to_their_end(furnished: Cloud) -> None:
    furnished.page = 1
    seen = inspect("fake")
    assert len(seen.servers) == len(seen.networks) == 2


def test_a_list_whose_pages_repeat_ends(furnished: Cloud) -> None:
    """A proxy may drop the marker, or serve old pages from its cache."""
    pages = [{"servers": [booted(name, "p")], "servers_links": [{"rel": "next"}]} for name in "ab"]
    for page in pages:
        furnished.refuse("servers/detail", 200, page, times=1)
    furnished.refuse("servers/detail", 200, pages[0])
    error = unreadable()
    assert "/servers/detail was not answered by the service" in error.what
    assert len(furnished.asked("servers/detail")) == 3


@pytest.mark.parametrize(
    ("call", "content"),
    [
        ("servers/detail", {"servers": None}),
        ("servers/detail", {"servers": {"id": "a"}}),
        ("servers/detail", {"servers": ["a"]}),
        ("servers/detail", {"servers": [{"name": "a"}]}),
        ("servers/detail", {"servers": [{}], "servers_links": [{"rel": "next"}]}),
        ("servers/detail", {"servers": [booted("a", "p")], "servers_links": "next"}),
        ("security-groups", {"security_groups": [{"name": "a", "security_group_rules": [{}]}]}),
        ("/limits", {"limits": {}}),
        ("/quotas", {"quota": {"network": {"limit": 1}}}),
    ],
)
def test_an_answer_of_another_shape_is_told(
    furnished: Cloud, call: str, content: dict[str, Any]
) -> None:
    furnished.refuse(call, 200, content)
    assert call in unreadable().what


def unreadable() -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        inspect("fake")
    assert (raised.value.code, raised.value.key) == ("answer-unreadable", "fake")
    return raised.value


def test_what_fails_in_a_thread_is_told_in_our_words(furnished: Cloud) -> None:
    furnished.refuse("flavors", 503, {"error": {"message": "backend is tired"}})
    with pytest.raises(FlakeshipError) as raised:
        inspect("fake")
    assert raised.value.code == "cloud-busy"
    assert "(503, backend is tired)" in raised.value.what


def test_the_sdk_is_not_imported_before_it_is_used() -> None:
    package = "flakeship.targets.openstack"
    program = f"from {package} import inspect; import sys; "
    program += f"from {package}.api import connection, errors, rest; "
    program += f"from {package}.images import glance, publish; "
    program += "sys.exit('openstack' in sys.modules or 'keystoneauth1' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
