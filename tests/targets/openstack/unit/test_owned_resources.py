"""Which objects of a project belong to a stack, and what each depends on."""

from __future__ import annotations

from typing import Any

from flakeship.rollout.orphans import Disposal
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack import owned_resources
from flakeship.targets.openstack.owned_resources import KINDS, removal
from flakeship.targets.openstack.resources import SECURITY_GROUP

TAGS = Owner("dev", "web", "web-33333333").tags
WORDS = [f"{key}={value}" for key, value in TAGS.items()]


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"id-of-{name}", "name": name, "description": "", "tags": [], **more}


def port(name: str, **more: Any) -> dict[str, Any]:
    return named(name, **{"network_id": "shared", "device_id": "", "device_owner": "", **more})


def address(value: str, **more: Any) -> dict[str, Any]:
    common: dict[str, Any] = {"port_id": None, "description": "", "tags": []}
    return {**common, "id": f"id-of-{value}", "floating_ip_address": value, **more}


def everything() -> dict[str, list[dict[str, Any]]]:
    """A cloud with something of each kind of this stack, and of others."""
    ours, other = [f"flakeship_stack={name}" for name in ("dev", "other")]
    return {
        "servers": [named("web-1", metadata=TAGS), named("dev", metadata={})],
        "server_groups": [named("dev"), named("dev-web-33333333"), named("dev-web-44444444")],
        "flavors": [named("ours", extra_specs={"flakeship:stack": "dev"}), named("m1.small")],
        "ports": [
            port("tagged", tags=WORDS, device_id="id-of-web-1", device_owner="compute:nova"),
            port("told", description=" ".join(WORDS)),
            port("bare", network_id="id-of-dev-12ab"),
            port("dhcp", network_id="id-of-dev-12ab", device_owner="network:dhcp"),
            port("inside", device_owner="network:router_interface", device_id="id-of-dev-12ab"),
            port("elsewhere", device_owner="network:router_interface", device_id="r"),
            port("foreign"),
        ],
        "floatingips": [
            address("203.0.113.1", tags=WORDS),
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
        "security_groups": [
            named("dev-0123abcd", description=SECURITY_GROUP),
            named("dev-0123abcd"),
            named("dev-more", description=SECURITY_GROUP),
        ],
        "images": [named("shown", **TAGS), named("hidden", **TAGS), named("base")],
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


def test_what_it_depends_on() -> None:
    found = {each.name: each for each in owned_resources.of_stack("dev", everything())}
    assert found["web-1"].depends_on == ["id-of-tagged", "shared"]
    assert found["told"].depends_on == ["shared"]


def test_its_owner_wherever_the_kind_has_tags() -> None:
    found = {each.name: each.owner for each in owned_resources.of_stack("dev", everything())}
    tagged = ("web-1", "tagged", "told", "203.0.113.1", "shown", "hidden")
    assert {found[name] for name in tagged} == {Owner("dev", "web", "web-33333333")}
    assert {found[name].stack for name in ("bare", "dev-12ab", "203.0.113.2", "ours")} == {""}


def test_how_each_is_removed() -> None:
    found = {each.name: each for each in owned_resources.of_stack("dev", everything())}
    assert removal(found["inside"]) == "router remove port id-of-dev-12ab id-of-inside"
    assert removal(found["hidden"]) == "image delete id-of-hidden"
    disposals = {kind.name: kind.disposal for kind in KINDS}
    assert {name for name in disposals if disposals[name] is Disposal.MACHINE} == {"server", "port"}
    assert disposals["floating ip"] is Disposal.ADDRESS


def test_everything_is_listed() -> None:
    assert {kind.key for kind in KINDS} == set(everything())
