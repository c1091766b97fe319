"""The inspection of a cloud: every list once, all at the same time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack import listed
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, endpoint, login
from flakeship.targets.openstack.images.asked import with_asked
from flakeship.targets.openstack.inventory import Inventory, Needed, Server
from flakeship.targets.openstack.resources import SECURITY_GROUP

if TYPE_CHECKING:
    from openstack.proxy import Proxy

TAG = "flakeship"  # of every image of ours; Glance finds images by it


USUAL = Needed()


def inspect(cloud: str, needed: Needed = USUAL, images: Collection[str] = ()) -> Inventory:
    """Inspect a cloud without changing anything; `cloud` is as for `connected`.

    `images` are as in InspectRequest.

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
        has_volumes = bool(endpoint(connection.config, "block-storage"))
        # Glance lists either hidden images or the others
        owned = {"tag": TAG, "owner": project, "limit": str(rest.PAGE)}
        visible = ["id", "name", "router:external", "subnets", "port_security_enabled"]
        own: rest.Query = {
            "description": SECURITY_GROUP,
            "project_id": project,
            "fields": ["id", "name", "security_group_rules"],
        }
        lists: dict[str, tuple[Proxy, str, str, rest.Query | None]] = {
            "flavors": (compute, "/flavors/detail", "flavors", None),
            "shown": (image, "/images", "images", owned),
            "hidden": (image, "/images", "images", {**owned, "os_hidden": "true"}),
            "networks": (network, "/networks", "networks", {"fields": visible}),
        }
        if needed.addresses:
            lists["addresses"] = network, "/floatingips", "floatingips", {"project_id": project}
        if needed.groups:
            lists["groups"] = network, "/security-groups", "security_groups", own
        with ThreadPoolExecutor(rest.AT_ONCE) as pool:
            all_servers = pool.submit(servers, compute, roles)
            limits = pool.submit(rest.call, compute, "GET", "/limits")
            quotas = pool.submit(_network_left, network, project)
            disks = (
                pool.submit(_volumes_left, rest.client(connection, "block-storage"), project)
                if needed.volumes and has_volumes
                else None
            )
            keypairs = (
                pool.submit(rest.call, compute, "GET", "/os-keypairs") if needed.keypairs else None
            )
            called = {name: pool.submit(rest.list_all, *asked) for name, asked in lists.items()}
        entries = {name: call.result() for name, call in called.items()}
        found, everywhere = all_servers.result()
        absolute = limits.result()
        enabled = (f for f in entries["flavors"] if not f.get("OS-FLV-DISABLED:disabled"))
        return Inventory(
            project=project,
            project_name=access.project_name or project,
            roles=roles,
            flavors=[listed.flavor(each) for each in enabled],
            images=with_asked(image, project, [*entries["shown"], *entries["hidden"]], images),
            servers=found,
            networks=[listed.network(each) for each in entries["networks"]],
            left={
                **listed.compute_left(absolute),
                **quotas.result(),
                **(disks.result() if disks else {}),
            },
            everywhere=everywhere,
            addresses=[listed.address(each) for each in entries.get("addresses", ())],
            user=access.username or access.user_id or "",
            region=connection.config.region_name or "",
            groups=listed.groups(entries["groups"]) if needed.groups else None,
            volumes=has_volumes,
            keypairs=_names(keypairs.result()) if keypairs else None,
            metadata=max(0, absolute["limits"]["absolute"].get("maxServerMeta", 0)),
        )


def _names(keypairs: Mapping[str, Any]) -> list[str]:
    return sorted(each["keypair"]["name"] for each in keypairs["keypairs"])


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
            return [listed.server(each) for each in wide], True
        except ForbiddenException:
            pass
    return [listed.server(each) for each in rest.list_all(*asked, query)], False


def _network_left(network: Proxy, project: str) -> dict[str, int]:
    """What Neutron's quotas leave."""
    return listed.network_left(_quota(network, f"/quotas/{project}/details", "quota"))


def _volumes_left(storage: Proxy, project: str) -> dict[str, int]:
    """What Cinder's quotas leave."""
    path = f"/os-quota-sets/{project}"
    return listed.volume_left(_quota(storage, path, "quota_set", {"usage": "true"}))


def _quota(
    service: Proxy, path: str, key: str, query: rest.Query | None = None
) -> Mapping[str, Any]:
    """A quota with its use; empty where a cloud does not show it."""
    from openstack.exceptions import ForbiddenException, NotFoundException

    try:
        quota: Mapping[str, Any] = rest.call(service, "GET", path, query)[key]
    except (ForbiddenException, NotFoundException):
        return {}
    return quota
