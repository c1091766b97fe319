"""Users, projects, roles and the catalogue, and the clouds.yaml that goes with them."""

from __future__ import annotations

from typing import cast

import openstack
from openstack.connection import Connection
from openstack.identity.v3._proxy import Proxy
from openstack.identity.v3.project import Project
from openstack.identity.v3.user import User

from dev.openstack.config import SERVICES, fill, passwords
from dev.openstack.site import REGION, Site

ENDPOINTS = {
    "glance": ("image", 9292, ""),
    "placement": ("placement", 8778, ""),
    "neutron": ("network", 9696, ""),
    "nova": ("compute", 8774, "/v2.1"),
}
MEMBERS = {"demo": ("demo", "member"), "reader": ("demo", "reader"), "other": ("other", "member")}
"""Each user's project and role."""


def connect(site: Site, user: str = "admin") -> Connection:
    """Connect by password, as clouds.yaml may not be there yet."""
    return openstack.connect(
        load_yaml_config=False, load_envvars=False, region_name=REGION, auth=_auth(site, user)
    )


def seed(site: Site) -> None:
    """Create all that is missing."""
    keystone = cast(Proxy, connect(site).identity)
    roles = {role.name: role for role in keystone.roles()}
    secret = passwords(site)
    service = _project(keystone, "service")
    for name in SERVICES:
        user = _user(keystone, name, secret["service"], service)
        for role in ("admin", "service"):
            keystone.assign_project_role_to_user(service, user, roles[role])
    for name, (home, role) in MEMBERS.items():
        project = _project(keystone, home)
        user = _user(keystone, name, secret[name], project)
        keystone.assign_project_role_to_user(project, user, roles[role])
    known = {service.type for service in keystone.services()}
    for name, (kind, port, path) in ENDPOINTS.items():
        if kind not in known:
            made = keystone.create_service(type=kind, name=name)
            for interface in ("public", "internal", "admin"):
                keystone.create_endpoint(service_id=made.id, interface=interface,
                                         region_id=REGION, url=site.url(port, path))  # fmt: skip
    _write_clouds(site)


def _write_clouds(site: Site) -> None:
    """Write clouds.yaml; the everyday cloud is entered by an application credential."""
    keystone = cast(Proxy, connect(site, "demo").identity)
    me = keystone.get_user(str(keystone.get_user_id()))
    credential = keystone.create_application_credential(me, "flakeship-lab")
    values = passwords(site) | {
        "auth_url": site.auth_url,
        "region": REGION,
        "credential_id": str(credential.id),
        "credential_secret": str(credential.secret),
    }
    site.clouds.write_text(fill("clouds.yaml", values))


def _auth(site: Site, user: str) -> dict[str, str]:
    return {
        "auth_url": site.auth_url,
        "username": user,
        "password": passwords(site)[user],
        "project_name": MEMBERS[user][0] if user in MEMBERS else user,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def project_id(cloud: Connection, name: str) -> str:
    """The id of an existing project."""
    return str(_project(cast(Proxy, cloud.identity), name).id)


def _project(keystone: Proxy, name: str) -> Project:
    return keystone.find_project(name) or keystone.create_project(name=name, domain_id="default")


def _user(keystone: Proxy, name: str, password: str, project: Project) -> User:
    return keystone.find_user(name) or keystone.create_user(
        name=name, password=password, default_project_id=project.id, domain_id="default"
    )
