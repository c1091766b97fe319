"""Each component from a program of a few lines, as anybody could write it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from flakeship.model.codec import plain
from flakeship.model.evidence import Evidence
from flakeship.targets.openstack.network.networks import Rule
from flakeship.targets.openstack.requests import Published
from tests.pulumi_mocks import Engine, run
from tests.targets.openstack.unit.flavors import ADMIN, chosen
from tests.targets.openstack.unit.samples import REQUEST
from tests.unit.verify.machines import ED25519

if TYPE_CHECKING:
    from collections.abc import Callable

# the package's own
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KEYS = ("ethertype", "protocol", "portRangeMin", "portRangeMax", "remoteIpPrefix")


def evidence(request: dict[str, Any]) -> dict[str, Any]:
    asked = request.get("server", request)
    asked = asked if isinstance(asked, dict) else request
    return plain(Evidence(asked["verify"]["machine"], 1, [ED25519], 1.0, []))


COMMANDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "flakeship:openstack:GlanceImage": lambda request: plain(
        Published("image-1", request["sha512"], 1, 1)
    ),
    "flakeship:openstack:Verification": evidence,
    "flakeship:openstack:EphemeralVerification": evidence,
}


OUTPUTS: dict[str, dict[str, Any]] = {
    "openstack:networking/port:Port": {"allFixedIps": ["fd00::5", "10.20.0.5"]},
    "openstack:networking/floatingIp:FloatingIp": {"address": "203.0.113.7"},
}


def declared(program: Callable[[], object]) -> tuple[Engine, Any]:
    return run(program, COMMANDS, OUTPUTS)


def test_an_image_is_published() -> None:
    from components.openstack.glance_image import GlanceImage  # noqa: PLC0415

    engine, image = declared(
        lambda: (
            GlanceImage("web", {"file": "/disk", "sha512": pulumi.Output.from_input("ab")}).image
        )
    )
    assert image == "image-1"
    made = engine.made["GlanceImage web"]
    assert (made["name"], made["sha512"], made["visibility"]) == ("web", "ab", "private")


def test_each_rule_has_its_protocol() -> None:
    from components.openstack.network import SecurityGroup  # noqa: PLC0415

    rules = [Rule(53, "0.0.0.0/0"), Rule(53, "::/0"), Rule(53, "0.0.0.0/0", "udp")]
    engine, group = declared(lambda: SecurityGroup("dns", {"rules": rules}).id)
    assert group == "id-of-security-group-dns"
    assert {
        name.removeprefix("rule-dns-"): [given.get(key) for key in KEYS]
        for name, given in engine.made.items()
        if name.startswith("rule-")
    } == {
        "53-0.0.0.0/0": ["IPv4", "tcp", 53, 53, "0.0.0.0/0"],
        "53-::/0": ["IPv6", "tcp", 53, 53, "::/0"],
        "53-0.0.0.0/0-udp": ["IPv4", "udp", 53, 53, "0.0.0.0/0"],
        "out-IPv4": ["IPv4", None, None, None, None],
        "out-IPv6": ["IPv6", None, None, None, None],
    }
    assert engine.made["security-group-dns"]["deleteDefaultRules"]
    directions = {name: made["direction"] for name, made in engine.made.items() if "rule-" in name}
    assert {n for n, d in directions.items() if d == "egress"} == {
        "rule-dns-out-IPv4", "rule-dns-out-IPv6",
    }  # fmt: skip


def test_a_private_network_is_ready_with_its_last_interface() -> None:
    from components.openstack.network import PrivateNetwork  # noqa: PLC0415

    made: list[PrivateNetwork] = []

    def program() -> pulumi.Output[str]:
        made.append(
            PrivateNetwork(
                "12ab",
                {
                    "network_name": "dev-12ab",
                    "external": "public",
                    "cidr": "10.20.0.0/24",
                    "ipv6": "fd00::/64",
                },
            )
        )
        return made[0].id

    engine, network = declared(program)
    assert network == "id-of-network-12ab"
    assert {engine.made[f"{kind}-12ab"]["name"] for kind in ("network", "router", "subnet")} == {
        "dev-12ab"
    }
    assert "router-interface-12ab" in engine.depends("router-interface6-12ab")


def test_an_existing_flavor_is_selected_and_its_reason_told() -> None:
    from components.openstack.flavor_selection import (  # noqa: PLC0415
        FlavorSelection,
        selection,
    )

    choice = chosen()
    engine, flavor = declared(lambda: FlavorSelection("web", selection(choice)).id)
    assert flavor == choice.flavor.id
    assert [*engine.made] == ["FlavorSelection web"]


def test_a_created_flavor_is_a_child_of_its_selection() -> None:
    from components.openstack.flavor_selection import (  # noqa: PLC0415
        FlavorSelection,
        selection,
    )

    choice = chosen(flavor={"create": True}, inventory=ADMIN)
    engine, flavor = declared(lambda: FlavorSelection("web", selection(choice)).id)
    assert flavor == "id-of-flavor-web"
    assert engine.made["flavor-web"]["ram"] == choice.flavor.memory
    (urn,) = (urn for urn in engine.resources if urn.endswith("::flavor-web"))
    assert "flakeship:openstack:FlavorSelection$openstack:compute/flavor:Flavor" in urn


SERVER: dict[str, Any] = {
    "image": "image-1",
    "flavor": "flavor-1",
    "network": "private",
    "security_group": "group-1",
    "verification": replace(REQUEST, server="", port="", image=""),
}


def test_a_server_is_verified_with_its_ids() -> None:
    from components.openstack.server import Server  # noqa: PLC0415

    engine, seen = declared(lambda: Server("web-1", SERVER).verification.evidence)  # type: ignore[arg-type]
    assert seen.host_keys == [ED25519]
    request = engine.made["Verification web-1"]
    assert (request["server"], request["port"]) == ("id-of-server-web-1", "id-of-port-web-1")
    assert request["image"] == "image-1"
    assert engine.made["server-web-1"]["networks"] == [{"port": "id-of-port-web-1"}]


def test_a_root_disk_may_be_a_volume_and_user_data_is_secret() -> None:
    from components.openstack.server import Server  # noqa: PLC0415

    args = {**SERVER, "volume": 4, "user_data": "#cloud-config", "server_group": "group-2"}
    engine, _ = declared(lambda: Server("web-1", args).verification.evidence)  # type: ignore[arg-type]
    made = engine.made["server-web-1"]
    assert "imageId" not in made
    assert made["blockDevices"][0]["volumeSize"] == 4
    assert made["schedulerHints"] == [{"group": "group-2"}]
    assert engine.made["Verification web-1"].get("image", "") == ""


def test_a_test_server_is_made_by_its_verification_alone() -> None:
    from components.openstack import server  # noqa: PLC0415

    engine, _ = declared(lambda: server.TestServer("test-1", SERVER).verification.evidence)  # type: ignore[arg-type]
    assert [name for name, kind in engine.types.items() if kind.startswith("openstack:")] == []
    made = engine.made["EphemeralVerification test-1"]
    assert made["security_groups"] == ["group-1"]
    assert made["server"]["image"] == "image-1"


def test_a_cutover_waits_for_the_verification() -> None:
    from components.openstack.network import Address, Cutover  # noqa: PLC0415
    from components.openstack.server import Server  # noqa: PLC0415

    def program() -> pulumi.Output[str]:
        server = Server("web-1", SERVER)  # type: ignore[arg-type]
        address = Address("web", {"pool": "public"})
        args: Any = {
            "address": address.address,
            "server": server,
        }
        return Cutover("web", args).port

    engine, port = declared(program)
    assert port == "id-of-port-web-1"
    assert "Verification web-1" in engine.depends("cutover-web")
    assert "server-web-1" in engine.depends("cutover-web")
