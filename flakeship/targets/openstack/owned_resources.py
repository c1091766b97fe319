"""What a project has that carries the marks of a stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.flavors.special_hardware import OURS
from flakeship.targets.openstack.inspect import TAG
from flakeship.targets.openstack.inventory import RELEASE, STACK
from flakeship.targets.openstack.ownership_tags import TEMPORARY

if TYPE_CHECKING:
    from openstack.connection import Connection

Found = Mapping[str, Any]
Lists = Mapping[str, Sequence[Found]]
"""What the cloud lists, by the names of LISTS."""

DESCRIPTION = "The declared ports of servers"
"""Of the security groups of every stack."""


@dataclass(frozen=True)
class OwnedResource:
    """An object; `kind` is what the client `openstack` calls it, `at` is what it is attached to.

    `stands_on` has the ids of what it could not be without: the ports and networks of a server, the
    network of a port. `made` is None where the cloud does not tell.
    """

    kind: str
    id: str
    name: str
    status: str = ""
    at: str = ""
    made: datetime | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    stands_on: Sequence[str] = ()

    @property
    def temporary(self) -> bool:
        """Whether it was made for the time of a verification only."""
        return self.marks.get(TEMPORARY) == "1"

    @property
    def removal(self) -> str:
        """The client's words that remove it."""
        if self.kind == INTERFACE:
            return f"router remove port {self.at} {self.id}"
        return f"{self.kind} delete {self.id}"


INTERFACE = "router interface"
"""A port by which a router is in a network: it goes before either."""


LISTS = {
    "servers": ("compute", "/servers/detail", "servers"),
    "server groups": ("compute", "/os-server-groups", "server_groups"),
    "flavors": ("compute", "/flavors/detail", "flavors"),
    "ports": ("network", "/ports", "ports"),
    "addresses": ("network", "/floatingips", "floatingips"),
    "routers": ("network", "/routers", "routers"),
    "networks": ("network", "/networks", "networks"),
    "subnets": ("network", "/subnets", "subnets"),
    "security groups": ("network", "/security-groups", "security_groups"),
    "images": ("image", "/images", "images"),
    "hidden": ("image", "/images", "images"),
}


def lists(connection: Connection, project: str) -> Lists:
    """All that the project has, side by side."""
    services = {name: rest.client(connection, name) for name in ("compute", "network", "image")}
    owned = {"tag": TAG, "owner": project, "limit": str(rest.PAGE)}
    queries: dict[str, rest.Query] = {"images": owned, "hidden": {**owned, "os_hidden": "true"}}
    with ThreadPoolExecutor(8) as pool:
        asked = {
            name: pool.submit(
                rest.every,
                services[service],
                path,
                key,
                # an admin would be shown everybody's
                {"project_id": project} if service == "network" else queries.get(name),
            )
            for name, (service, path, key) in LISTS.items()
        }
    return {name: answer.result() for name, answer in asked.items()}


def of_stack(stack: str, there: Lists) -> list[OwnedResource]:
    """What belongs to a stack of this name, in the order in which it can be removed.

    Tags come only after an object, and a kill comes in between: what has none is known by its name,
    its description, or the network that it is on. A server group never has any: it is known as long
    as something else is of its release.
    """

    def ours(found: Found) -> bool:
        return marked(found).get(STACK) == stack

    def named(found: Found) -> bool:
        name = re.fullmatch(rf"{re.escape(stack)}-[0-9a-f]{{4}}(-ipv6)?", found["name"])
        return ours(found) or (STACK not in marked(found) and bool(name))

    releases = {
        marked(each).get(RELEASE) for found in there.values() for each in filter(ours, found)
    }
    networks = [each for each in there["networks"] if named(each)]
    routers = [each for each in there["routers"] if named(each)]
    inside, through = {each["id"] for each in networks}, {each["id"] for each in routers}

    def port(found: Found) -> bool:
        return ours(found) or (found["network_id"] in inside and not found["device_owner"])

    def interface(found: Found) -> bool:
        joined = found["network_id"] in inside or found["device_id"] in through
        return joined and str(found["device_owner"]).startswith("network:router_interface")

    def address(found: Found) -> bool:
        return ours(found) or found["description"].startswith(f"flakeship {stack} ")

    def subnet(found: Found) -> bool:
        return named(found) or found["network_id"] in inside

    def group(found: Found) -> bool:
        name = re.fullmatch(rf"{re.escape(stack)}-[0-9a-f]{{8}}", found["name"])
        return ours(found) or bool(name and found["description"] == DESCRIPTION)

    def together(found: Found) -> bool:
        return found["name"].removeprefix(f"{stack}-") in releases

    def flavor(found: Found) -> bool:
        return bool((found.get("extra_specs") or {}).get(OURS) == stack)

    kinds: list[tuple[str, Iterable[Found]]] = [
        ("server", filter(ours, there["servers"])),
        ("port", filter(port, there["ports"])),
        ("floating ip", filter(address, there["addresses"])),
        (INTERFACE, filter(interface, there["ports"])),
        ("router", routers),
        ("subnet", filter(subnet, there["subnets"])),
        ("network", networks),
        ("security group", filter(group, there["security groups"])),
        ("server group", filter(together, there["server groups"])),
        ("image", filter(ours, (*there["images"], *there["hidden"]))),
        ("flavor", filter(flavor, there["flavors"])),
    ]
    return [_left(kind, each, there["ports"]) for kind, found in kinds for each in found]


def marked(found: Found) -> dict[str, str]:
    """The marks of an object, wherever its kind has them."""
    words = [*(found.get("tags") or []), *(found.get("description") or "").split()]
    whole = {**ownership_tags.read(words), **(found.get("metadata") or {}), **found}
    return {key: str(value) for key, value in whole.items() if key.startswith("flakeship_")}


def _left(kind: str, found: Found, ports: Sequence[Found]) -> OwnedResource:
    under = [port for port in ports if kind == "server" and port["device_id"] == found["id"]]
    made = found.get("created_at") or found.get("created")
    return OwnedResource(
        kind,
        found["id"],
        found.get("floating_ip_address") or found.get("name") or "",
        status=found.get("status") or "",
        at=found.get("device_id") or found.get("port_id") or "",
        made=datetime.fromisoformat(made) if made else None,
        marks=marked(found),
        stands_on=[
            *([found["network_id"]] if "network_id" in found else []),
            *(port[key] for port in under for key in ("id", "network_id")),
        ],
    )
