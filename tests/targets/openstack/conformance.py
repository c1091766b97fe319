"""What the target brings to the conformance suite: an example, and a cloud in memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.codec import plain
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.rollout.ownership import Owner
from flakeship.state.stack import Stack
from flakeship.targets.openstack.api import connection, rest
from flakeship.targets.openstack.inventory import Address, Image, Inventory, Server
from flakeship.targets.openstack.requests import Published
from flakeship.targets.openstack.resources import ADDRESS, GLANCE_IMAGE
from flakeship.targets.openstack.servers import verify_server
from tests.conformance.case import Case
from tests.conformance.small_engine import STACK, Resource
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.flavors import INVENTORY
from tests.targets.openstack.unit.world import PROVIDER, PUBLIC
from tests.unit.verify.machines import ED25519

KINDS = {
    "openstack:compute/instance:Instance": "servers",
    "openstack:networking/port:Port": "ports",
    "openstack:networking/floatingIp:FloatingIp": "floatingips",
    "openstack:networking/network:Network": "networks",
    "openstack:networking/subnet:Subnet": "subnets",
    "openstack:networking/router:Router": "routers",
    "openstack:networking/secGroup:SecGroup": "security_groups",
}
MOVE = "openstack:networking/floatingIpAssociate:FloatingIpAssociate"
PASSED = CheckResult("toplevel", passed=True, milliseconds=1, detail="")
OLD = "2026-06-01T00:00:00Z"


def publish(request: dict[str, Any]) -> object:
    return plain(Published(f"image-{request['name']}", request["sha512"], 1, 512))


def verify(request: dict[str, Any]) -> object:
    return plain(Evidence(request["verify"]["machine"], 1, [ED25519], 1.0, [PASSED]))


def of(resources: Sequence[Resource], kind: str) -> list[Resource]:
    return [each for each in resources if KINDS.get(each.type) == kind]


class OpenStackCase:
    """See tests.conformance.case.Case."""

    settings: Mapping[str, Any] = {
        "servers": [
            {"name": "web", "ports": [80], "openstack": {"userData": "#cloud-config"}},
            {"name": "db", "vcpus": 1},
        ],
        "openstack": {"cloud": "fake"},
    }
    commands: Mapping[str, Callable[[dict[str, Any]], object]] = {
        "GlanceImage": publish,
        "Verification": verify,
        "ImageVisibility": lambda _: {},
    }

    def provided(self, resource: Resource) -> Mapping[str, Any]:
        match KINDS.get(resource.type):
            case "ports":
                return {"allFixedIps": ["fd00::5", "10.20.0.5"]}
            case "floatingips":
                return {"address": floating_ip(resource)}
        return {}

    def inventory(self, resources: Sequence[Resource]) -> Inventory:
        """A cloud with everything that has been made."""
        images = [
            Image(f"image-{name}", name, "active")
            for each in resources
            if (name := GLANCE_IMAGE.subject(each.type, each.urn))
        ]
        servers = [
            Server(each.id, each.inputs["name"], "ACTIVE", each.inputs["imageId"], stack=STACK)
            for each in of(resources, "servers")
        ]
        moved = {e.inputs["floatingIp"]: e.inputs["portId"] for e in resources if e.type == MOVE}
        addresses = [
            Address(
                address, moved.get(address, ""), STACK, ADDRESS.subject(each.type, each.urn) or ""
            )
            for each in of(resources, "floatingips")
            for address in [floating_ip(each)]
        ]
        return replace(
            INVENTORY,
            networks=[PUBLIC, PROVIDER],
            images=images,
            servers=servers,
            addresses=addresses,
        )

    def world(
        self, patch: pytest.MonkeyPatch, resources: Sequence[Resource]
    ) -> Callable[[], set[str]]:
        """The cloud in memory, with the objects of these resources."""
        cloud = self.cloud = Cloud()
        cloud.things.clear()
        moved = {e.inputs["floatingIp"]: e.inputs["portId"] for e in resources if e.type == MOVE}
        for each in resources:
            if collection := KINDS.get(each.type):
                cloud.put(collection, thing(each, moved))
        logged_in = SimpleNamespace(config=SimpleNamespace(name="fake"), service=cloud.service)
        for each in resources:
            if GLANCE_IMAGE.subject(each.type, each.urn):
                made = codec.parse(Published, json.dumps(each.outputs["result"]))
                tags = [f"{key}={value}" for key, value in Owner(STACK).tags.items()]
                image = {"id": made.id, "name": each.name, "tags": tags, "os_hidden": False}
                cloud.put("images", {**image, "created_at": OLD, "status": "active"})

        @contextlib.contextmanager
        def connected(_: str) -> Iterator[Any]:
            yield logged_in

        token = SimpleNamespace(project_id=INVENTORY.project, project_name="demo", role_names=[])
        patch.setattr(connection, "connected", connected)
        patch.setattr(connection, "login", lambda _: token)
        patch.setattr(rest, "client", lambda made, service: made.service(service))
        patch.setattr(
            verify_server,
            "examine",
            lambda _, request, *__, **___: Evidence(request.machine, 1, [], 1.0, [PASSED]),
        )
        return lambda: {number for things in cloud.things.values() for number in things}

    def orphan(self, stack: Stack) -> str:
        tags = Owner(stack.name, "web", "web-99999999").for_verification().tags
        left = {"id": "left", "name": "web-left", "status": "ACTIVE", "metadata": tags}
        self.cloud.put("servers", {**left, "created": OLD})
        return "left"


def floating_ip(resource: Resource) -> str:
    return f"203.0.113.{len(resource.name)}"


def thing(resource: Resource, moved: Mapping[str, str]) -> dict[str, Any]:
    """An object of the cloud as its API lists it."""
    given = resource.inputs
    return {
        "id": resource.id,
        "name": given.get("name", ""),
        "description": given.get("description", ""),
        "tags": given.get("tags", []),
        "metadata": given.get("metadata", {}),
        "status": "ACTIVE",
        "created_at": OLD,
        "network_id": given.get("networkId", ""),
        "device_id": "",
        "device_owner": "",
        "port_id": moved.get(floating_ip(resource)),
        "floating_ip_address": floating_ip(resource),
    }


CASE: Case = OpenStackCase()
