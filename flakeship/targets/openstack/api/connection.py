"""A connection to a cloud, from clouds.yaml or the OS_* variables.

openstacksdk takes a third of a second to import: only those pay it who use it.
"""

from __future__ import annotations

import logging
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from flakeship.model.errors import FlakeshipError, did_you_mean
from flakeship.targets.openstack.api import environment, sessions
from flakeship.targets.openstack.api.errors import Caller, explained

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfo
    from openstack.config.cloud_region import CloudRegion
    from openstack.config.loader import OpenStackConfig
    from openstack.connection import Connection

log = logging.getLogger(__name__)

VARIABLE = "OS_CLIENT_CONFIG_FILE"
PLACES = f"{VARIABLE}, ./clouds.yaml, ~/.config/openstack and /etc/openstack"
TIMEOUT = 60  # seconds where clouds.yaml has no api_timeout: the SDK has no limit of its own
SERVICES = ("compute", "image", "network")
PASSWORD_V3 = {"auth_url", "username", "user_id", "password"} | {
    f"{what}_{how}"
    for what in ("project", "user_domain", "project_domain", "domain")
    for how in ("name", "id")
}
"""The settings of a login with a password that version 3 of Keystone understands."""

SECRETS = ("password", "secret", "token", "passcode")  # endings of the names of secret settings


@contextmanager
def connected(cloud: str) -> Iterator[Connection]:
    """A login on a cloud; `cloud` is a name in clouds.yaml, empty for OS_CLOUD or OS_* variables.

    In a block of `sessions.handed_on` it goes on from an earlier one with the same credentials.
    Raises FlakeshipError where there is no such cloud, where it refuses the login or lacks a
    service, and for every exception of openstacksdk that the block does not handle itself.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.config import OpenStackConfig
    from openstack.connection import Connection
    from openstack.exceptions import SDKException
    from requests import RequestException

    from flakeship.targets.openstack.api.retries import retry

    # its warnings are errors of ours a moment later
    logging.getLogger("keystoneauth").setLevel(logging.ERROR)
    caller = Caller(cloud or os.environ.get("OS_CLOUD", "") or "the cloud")
    try:
        config = OpenStackConfig(
            app_name="flakeship",
            # the SDK would repeat Glance's calls, uploads too; ours are in `retries`
            override_defaults={"api_timeout": TIMEOUT, "auth": {}, "image_status_code_retries": 0},
        )
        name = _chosen(config, cloud)
        variables = name == config.envvar_key
        if config.config_filename and not variables:
            shared(config.config_filename)
        source = "the OS_* variables" if variables else config.config_filename or "clouds.yaml"
        given = config.cloud_config["clouds"].get(name) or {}
        pairs = {**given, **(given.get("auth") or {})}.items()
        secrets = tuple(str(value) for key, value in pairs if key.endswith(SECRETS) and value)
        caller = Caller(name, source, secrets=secrets)
        region = _region(config, name)
        if variables:
            environment.check_variables(os.environ)
        else:
            environment.check_named(name, source, region.config, os.environ)
        started = time.monotonic()
        session = region.get_session()
        retry(session)
        with sessions.resumed(session.auth), Connection(config=region) as connection:
            token = login(connection)
            caller = replace(
                caller, roles=tuple(token.role_names or []), services=_services(region)
            )
            log.debug(
                "%s: a token of project %s with the roles %s after %.2f s",
                name,
                token.project_name,
                ", ".join(caller.roles),
                time.monotonic() - started,
            )
            _complete(region, caller, token)
            yield connection
    except (SDKException, ClientException, RequestException) as error:
        raise explained(error, caller) from error


def login(connection: Connection) -> AccessInfo:
    """The token: `project_id` and `role_names`, among other things."""
    session = connection.session
    access: AccessInfo = session.auth.get_access(session)  # type: ignore[union-attr]
    return access


def endpoint(region: CloudRegion, service: str) -> str:
    """The address of a service in the chosen region and interface, empty where it has none there.

    One in clouds.yaml is before that in the catalogue.
    """
    return region.get_endpoint(service) or region.get_endpoint_from_catalog(service) or ""


def _chosen(config: OpenStackConfig, cloud: str) -> str:
    """The name of the cloud that is meant. Raises FlakeshipError where none is, or none exists."""
    names = sorted(name for name in config.get_cloud_names() if name != "defaults")
    # the SDK would take the only one that there is, Pulumi's provider does not
    variables = config.envvar_key if config.default_cloud == config.envvar_key else None
    name = cloud or os.environ.get("OS_CLOUD", "") or variables or ""
    if name in names:
        return name
    unnamed = not name or name == "defaults"
    where = _looked(config)
    if not names:
        what = f"no cloud is configured in {where}"
    elif unnamed:
        what = f"no cloud is chosen of those in {where}"
    else:
        what = f"there is no cloud of this name in {where}"
    choose = "name one there or in OS_CLOUD, or set OS_AUTH_URL and the other OS_* variables"
    raise FlakeshipError(
        what,
        code="cloud-not-chosen" if unnamed else "cloud-unknown",
        key="flakeship:openstack.cloud",
        given="" if unnamed else name,
        allowed=", ".join(names),
        remedy=did_you_mean(name, names) or choose,
    )


def _region(config: OpenStackConfig, name: str) -> CloudRegion:
    """The chosen cloud, with a login that asks for no versions where auth_url names version 3.

    That is a round trip less for every command; keystoneauth takes the same one where Keystone does
    not tell its versions.
    """
    region = config.get_one(name)
    given, auth = region.config.get("auth_type"), region.config.get("auth") or {}
    versioned = str(auth.get("auth_url", "")).rstrip("/").endswith("/v3")
    if given in {None, "password"} and versioned and auth.keys() <= PASSWORD_V3:
        return config.get_one(name, auth_type="v3password")
    return region


def _looked(config: OpenStackConfig) -> str:
    """Where the configuration came from, or was looked for."""
    from openstack.config import loader

    if config.config_filename:
        return config.config_filename
    # the SDK ignores a file that cannot be read, or is not YAML
    given = os.environ.get(VARIABLE, "")
    broken = [path for path in (given, *loader.CONFIG_FILES) if path and Path(path).exists()]
    if broken:
        return f"{PLACES} ({broken[0]} cannot be read as YAML)"
    return f"{PLACES} ({given} is not there)" if given else PLACES


def shared(file: str) -> None:
    """Refuse a file that only openstacksdk finds: by HOME, XDG_CONFIG_HOME or another ending.

    Pulumi's plugin would fail after the preview, without naming the file. Raises FlakeshipError.
    """
    home = pwd.getpwuid(os.getuid()).pw_dir
    directories = (Path.cwd(), Path(home, ".config/openstack"), Path("/etc/openstack"))
    known = [Path(each, "clouds.yaml") for each in directories]
    if given := os.environ.get(VARIABLE):
        known.append(Path(given))
    if Path(file).resolve() not in {each.resolve() for each in known}:
        raise FlakeshipError(
            "Pulumi's plugin does not find this file",
            code="clouds-yaml-not-shared",
            key=file,
            allowed=f"{PLACES}, where ~ is {home}",
            remedy=f"export {VARIABLE}={quote(file)}",
        )


def _services(region: CloudRegion) -> dict[str, str]:
    """The address of each service that is used, where the catalogue has it."""
    found = {service: endpoint(region, service) for service in SERVICES}
    return {service: url for service, url in found.items() if url}


def _complete(region: CloudRegion, caller: Caller, token: AccessInfo) -> None:
    """Refuse a cloud that lacks a service: later errors would not be as clear."""
    lacking = [service for service in SERVICES if service not in caller.services]
    if lacking:
        endpoints = (each for kind in token.service_catalog.catalog for each in kind["endpoints"])
        raise FlakeshipError(
            f"the catalogue has no {', '.join(lacking)} service for region "
            f"{region.region_name or 'any'}, interface {region.get_interface()}",
            code="service-missing",
            key=caller.cloud,
            given=f"region_name {region.region_name}" if region.region_name else "",
            allowed=", ".join(sorted({str(each.get("region")) for each in endpoints})),
            remedy=f"region_name and interface in {caller.source} must be those of the cloud",
        )
