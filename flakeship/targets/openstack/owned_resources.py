"""The objects in a project that belong to a stack, by their tags or by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flakeship.rollout.orphans import Disposal, OwnedResource
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.flavors.special_hardware import OWNER_KEY
from flakeship.targets.openstack.images.glance import unfinished
from flakeship.targets.openstack.inspect import TAG
from flakeship.targets.openstack.resources import MACHINE, SECURITY_GROUP, tags_in

if TYPE_CHECKING:
    from openstack.connection import Connection

Object = Mapping[str, Any]
Lists = Mapping[str, Sequence[Object]]  # all objects of a project, by the keys of KINDS

INTERFACE = "router interface"  # a port by which a router is in a network; removed before either


@dataclass(frozen=True)
class _Scope:
    """How the objects of one stack are recognized: their ids, and a predicate for each kind.

    Tags come only after an object, and a kill comes in between: an object without any is recognized
    by its name, its description, or the network that it is on.
    """

    stack: str
    releases: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    routers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stack: str, lists: Lists) -> _Scope:
        bare = cls(stack)
        objects = [each for found in lists.values() for each in found]
        return cls(
            stack,
            frozenset(owner_of(each).release for each in objects if bare.tagged(each)) - {""},
            frozenset(each["id"] for each in lists["networks"] if bare.network(each)),
            frozenset(each["id"] for each in lists["routers"] if bare.network(each)),
        )

    def tagged(self, found: Object) -> bool:
        return owner_of(found).stack == self.stack

    def _named(self, found: Object, rest: str) -> bool:
        return bool(re.fullmatch(f"{re.escape(self.stack)}-{rest}", found["name"]))

    def network(self, found: Object) -> bool:  # or a router
        untagged = not owner_of(found).stack
        return self.tagged(found) or (untagged and self._named(found, "[0-9a-f]{4}(-ipv6)?"))

    def subnet(self, found: Object) -> bool:
        return self.network(found) or found["network_id"] in self.networks

    def port(self, found: Object) -> bool:  # but for Neutron's own
        inside = found["network_id"] in self.networks
        return self.tagged(found) or (inside and not found["device_owner"])

    def interface(self, found: Object) -> bool:
        joined = found["network_id"] in self.networks or found["device_id"] in self.routers
        return joined and is_interface(found)

    def address(self, found: Object) -> bool:  # it has its description from the beginning
        return self.tagged(found) or found["description"].startswith(f"flakeship {self.stack} ")

    def security_group(self, found: Object) -> bool:
        described = found["description"] == SECURITY_GROUP
        return self.tagged(found) or (described and self._named(found, "[0-9a-f]{8}"))

    def server_group(self, found: Object) -> bool:
        # it has no tags: another object of its release must be there
        return found["name"].removeprefix(f"{self.stack}-") in self.releases

    def flavor(self, found: Object) -> bool:
        return bool((found.get("extra_specs") or {}).get(OWNER_KEY) == self.stack)


@dataclass(frozen=True)
class Kind:
    """A kind of object: the client's word for it, where it is listed, and which are a stack's."""

    name: str
    service: str
    path: str
    key: str
    owned: Callable[[_Scope, Object], bool]
    disposal: Disposal = Disposal.BY_HAND

    @property
    def collection(self) -> str:
        """The path below which single ones are."""
        return self.path.removesuffix("/detail")


KINDS = (
    Kind("server", "compute", "/servers/detail", "servers", _Scope.tagged, Disposal.MACHINE),
    Kind("port", "network", "/ports", "ports", _Scope.port, Disposal.MACHINE),
    Kind("floating ip", "network", "/floatingips", "floatingips", _Scope.address, Disposal.ADDRESS),
    Kind(INTERFACE, "network", "/ports", "ports", _Scope.interface),
    Kind("router", "network", "/routers", "routers", _Scope.network),
    Kind("subnet", "network", "/subnets", "subnets", _Scope.subnet),
    Kind("network", "network", "/networks", "networks", _Scope.network),
    Kind("security group", "network", "/security-groups", "security_groups", _Scope.security_group),
    Kind("server group", "compute", "/os-server-groups", "server_groups", _Scope.server_group),
    Kind("image", "image", "/images", "images", _Scope.tagged),
    Kind("flavor", "compute", "/flavors/detail", "flavors", _Scope.flavor),
)
"""In the order in which objects can be removed."""


def list_all(connection: Connection, project: str) -> Lists:
    """List everything in a project, all lists at once."""
    services = {name: rest.client(connection, name) for name in ("compute", "network", "image")}
    images = {"tag": TAG, "owner": project, "limit": str(rest.PAGE)}
    # an admin would be shown the objects of all projects
    queries: dict[str, list[rest.Query]] = {
        "compute": [{}],
        "network": [{"project_id": project}],
        "image": [images, {**images, "os_hidden": "true"}],
    }
    with ThreadPoolExecutor(rest.AT_ONCE) as pool:
        calls = [
            (key, pool.submit(rest.list_all, services[service], path, key, query))
            for service, path, key in dict.fromkeys((k.service, k.path, k.key) for k in KINDS)
            for query in queries[service]
        ]
    found: dict[str, list[Object]] = defaultdict(list)
    for key, call in calls:
        found[key] += call.result()
    return found


def of_stack(stack: str, lists: Lists) -> list[OwnedResource]:
    """The objects of the stack of this name, in the order in which they can be removed."""
    scope = _Scope.of(stack, lists)
    return [
        _resource(kind, found, lists["ports"])
        for kind in KINDS
        for found in lists[kind.key]
        if kind.owned(scope, found)
    ]


def own_networks(
    stack: str, lists: Lists, held: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """The ids of a stack's networks, and of its routers; `held` are the ids in its state."""
    scope = _Scope.of(stack, lists)
    held_networks = {each["id"] for each in lists["networks"] if each["id"] in held}
    held_routers = {each["id"] for each in lists["routers"] if each["id"] in held}
    return scope.networks | held_networks, scope.routers | held_routers


def removal(resource: OwnedResource) -> str:
    """The words of the client `openstack` that remove it."""
    if resource.kind == INTERFACE:
        return f"router remove port {resource.attached_to} {resource.id}"
    return f"{resource.kind} delete {resource.id}"


def owner_of(found: Object) -> Owner:
    """The owner of an object, wherever its kind has tags."""
    words = [*(found.get("tags") or []), *(found.get("description") or "").split()]
    whole = {**tags_in(words), **(found.get("metadata") or {}), **found}
    return Owner.read({key: str(value) for key, value in whole.items()})


def _plugged(port: Object, server: Object) -> bool:
    """Whether a port is a server's; while that is being built only the names tell."""
    machine = (server.get("metadata") or {}).get(MACHINE)
    waits = not port["device_id"] and bool(machine) and port.get("name") == machine
    return bool(port["device_id"] == server["id"] or (waits and owner_of(port).stack))


def _resource(kind: Kind, found: Object, ports: Sequence[Object]) -> OwnedResource:
    own_ports = [port for port in ports if kind.name == "server" and _plugged(port, found)]
    created = found.get("created_at") or found.get("created")
    uploading = kind.name == "image" and unfinished(found)
    return OwnedResource(
        kind.name,
        found["id"],
        found.get("floating_ip_address") or found.get("name") or "",
        owner_of(found),
        Disposal.UPLOAD if uploading else kind.disposal,
        status=found.get("status") or "",
        attached_to=found.get("device_id") or found.get("port_id") or "",
        depends_on=[
            *([found["network_id"]] if "network_id" in found else []),
            *(port[key] for port in own_ports for key in ("id", "network_id")),
        ],
        created=datetime.fromisoformat(created) if created else None,
    )


def is_interface(port: Object) -> bool:
    """Whether a port is an interface of a router, distributed or not."""
    return str(port["device_owner"]).startswith("network:router_interface")
