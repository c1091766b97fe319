"""The inspection of a cloud: every list once, all at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.rollout.ownership import Owner
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, login
from flakeship.targets.openstack.inventory import Address, Flavor, Image, Inventory, Network, Server
from flakeship.targets.openstack.resources import tags_in

if TYPE_CHECKING:
    from openstack.proxy import Proxy

    from flakeship.targets.openstack.settings import CloudSettings

TAG = "flakeship"  # of every image of ours; Glance finds images by it
GIGABYTE = 1024  # MiB in one of Nova's and Glance's gigabytes

COMPUTE_LIMITS = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
    "server_groups": ("maxServerGroups", "totalServerGroupsUsed"),
}
NETWORK_QUOTAS = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floatingips": "floatingip",
    "security_groups": "security_group",
    "security_group_rules": "security_group_rule",
}


def inspect(cloud: str) -> Inventory:
    """Inspect a cloud without changing anything; `cloud` is as for `connected`.

    Raises FlakeshipError as `connected` does, and where the credentials are for no project.
    """
    with connected(cloud) as connection:
        access = login(connection)
        project, roles = access.project_id, sorted(access.role_names or [])
        if not project:
            raise FlakeshipError(
                "the credentials are for no project",
                code="project-missing",
                key=connection.config.name,
                remedy="give project_name or project_id beside them in clouds.yaml",
            )
        compute, image, network = (
            rest.client(connection, name) for name in ("compute", "image", "network")
        )
        # Glance lists either hidden images or the others
        owned = {"tag": TAG, "owner": project, "limit": str(rest.PAGE)}
        visible = {"fields": ["id", "name", "router:external", "subnets"]}
        with ThreadPoolExecutor(8) as pool:
            all_servers = pool.submit(servers, compute, roles)
            limits = pool.submit(rest.call, compute, "GET", "/limits")
            quotas = pool.submit(_network_left, network, project)
            flavors, shown, hidden, networks, addresses = pool.map(
                lambda asked: rest.list_all(*asked),
                [
                    (compute, "/flavors/detail", "flavors", None),
                    (image, "/images", "images", owned),
                    (image, "/images", "images", {**owned, "os_hidden": "true"}),
                    (network, "/networks", "networks", visible),
                    (network, "/floatingips", "floatingips", {"project_id": project}),
                ],
            )
        found, everywhere = all_servers.result()
        return Inventory(
            project=project,
            project_name=access.project_name or project,
            roles=roles,
            flavors=[_flavor(each) for each in flavors if not each.get("OS-FLV-DISABLED:disabled")],
            images=[Image(i["id"], i.get("name") or "", i["status"]) for i in (*shown, *hidden)],
            servers=found,
            networks=[_network(each) for each in networks],
            left=_compute_left(limits.result()) | quotas.result(),
            everywhere=everywhere,
            addresses=[_address(each) for each in addresses],
        )


def servers(compute: Proxy, roles: list[str], image: str = "") -> tuple[list[Server], bool]:
    """The servers, and whether they are those of all projects, which some roles may see.

    With `image` only those that boot from it.
    """
    from openstack.exceptions import ForbiddenException

    asked = compute, "/servers/detail", "servers"
    query = {"image": image} if image else {}
    if "admin" in roles:
        # on some clouds an admin is one of a project or domain only
        try:
            wide = rest.list_all(*asked, {**query, "all_tenants": "1"})
            return [_server(each) for each in wide], True
        except ForbiddenException:
            pass
    return [_server(each) for each in rest.list_all(*asked, query)], False


def read_user_data(settings: CloudSettings) -> Mapping[str, str]:
    """The text of each file that a server's user data names. Raises SettingError."""
    found = {}
    for server in settings.servers:
        given = server.options.user_data
        if not given.startswith(("./", "/", "~/")):
            continue
        path = Path(given).expanduser()
        if not path.is_file():
            raise SettingError(
                "this file does not exist",
                code="file-missing",
                key=f"flakeship:servers[{server.name}].openstack.userData",
                given=given,
            )
        found[given] = path.read_text()
    return found


def _flavor(found: Mapping[str, Any]) -> Flavor:
    return Flavor(
        id=found["id"],
        name=found["name"],
        vcpus=found["vcpus"],
        memory=found["ram"],
        disk=found["disk"] * GIGABYTE,
        ephemeral=found.get("OS-FLV-EXT-DATA:ephemeral", 0) * GIGABYTE,
        extra_specs=found.get("extra_specs") or {},
    )


def _server(found: Mapping[str, Any]) -> Server:
    return Server(
        id=found["id"],
        name=found["name"],
        status=found["status"],
        image=(found.get("image") or {}).get("id", ""),  # an empty text: it boots from a volume
        flavor=found["flavor"].get("original_name", ""),
        project=found.get("tenant_id", ""),
        stack=Owner.read(found.get("metadata", {})).stack,
    )


def _network(found: Mapping[str, Any]) -> Network:
    return Network(
        id=found["id"],
        name=found["name"],
        external=bool(found.get("router:external")),
        subnets=bool(found.get("subnets")),
    )


def _address(found: Mapping[str, Any]) -> Address:
    # a cloud without the tags extension has none
    owner = Owner.read(tags_in(found.get("tags") or []))
    return Address(
        address=found["floating_ip_address"],
        port=found.get("port_id") or "",
        stack=owner.stack,
        name=owner.name,
    )


def _compute_left(limits: Mapping[str, Any]) -> dict[str, int]:
    found = limits["limits"]["absolute"]
    return {
        name: max(0, found[limit] - found[used])
        for name, (limit, used) in COMPUTE_LIMITS.items()
        if found.get(limit, -1) >= 0 and used in found
    }


def _network_left(network: Proxy, project: str) -> dict[str, int]:
    """What Neutron's quotas leave; empty where a cloud does not show it."""
    from openstack.exceptions import ForbiddenException, NotFoundException

    try:
        found = rest.call(network, "GET", f"/quotas/{project}/details")["quota"]
    except (ForbiddenException, NotFoundException):
        return {}
    return {
        name: max(0, found[kind]["limit"] - found[kind]["used"] - found[kind]["reserved"])
        for name, kind in NETWORK_QUOTAS.items()
        if kind in found and found[kind]["limit"] >= 0
    }
