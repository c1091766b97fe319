"""Variables of a shell that would give Pulumi's provider another identity than openstacksdk has.

For a cloud of clouds.yaml the SDK ignores them. The provider completes the cloud with them, and a
region, a password or a token of theirs wins (terraform-provider-openstack#1269): servers would be
made in another region or project than the plan is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flakeship.model.errors import FlakeshipError

# every variable that gophercloud's clientconfig and the provider's defaults read, and the key that
# it stands for
IN_AUTH = {
    "OS_AUTH_URL": "auth_url",
    "OS_USERNAME": "username",
    "OS_USER_ID": "user_id",
    "OS_PASSWORD": "password",
    "OS_TOKEN": "token",
    "OS_AUTH_TOKEN": "token",
    "OS_APPLICATION_CREDENTIAL_ID": "application_credential_id",
    "OS_APPLICATION_CREDENTIAL_NAME": "application_credential_name",
    "OS_APPLICATION_CREDENTIAL_SECRET": "application_credential_secret",
    "OS_PROJECT_NAME": "project_name",
    "OS_PROJECT_ID": "project_id",
    "OS_TENANT_NAME": "project_name",
    "OS_TENANT_ID": "project_id",
    "OS_USER_DOMAIN_NAME": "user_domain_name",
    "OS_USER_DOMAIN_ID": "user_domain_id",
    "OS_PROJECT_DOMAIN_NAME": "project_domain_name",
    "OS_PROJECT_DOMAIN_ID": "project_domain_id",
    "OS_DOMAIN_NAME": "domain_name",
    "OS_DOMAIN_ID": "domain_id",
    "OS_DEFAULT_DOMAIN": "default_domain",
    "OS_SYSTEM_SCOPE": "system_scope",
}
BESIDE_AUTH = {
    "OS_REGION_NAME": "region_name",
    "OS_CACERT": "cacert",
    "OS_CERT": "cert",
    "OS_KEY": "key",
    "OS_INTERFACE": "interface",
    "OS_ENDPOINT_TYPE": "interface",
    "OS_INSECURE": "insecure",
}

SAME = (
    ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    ("OS_PROJECT_ID", "OS_TENANT_ID"),
    ("OS_TOKEN", "OS_AUTH_TOKEN"),
    ("OS_INTERFACE", "OS_ENDPOINT_TYPE"),
)
"""Two names of one thing: of two values the SDK takes one, and the provider may take the other."""

LOGINS = ("OS_PASSWORD", "OS_TOKEN", "OS_AUTH_TOKEN", "OS_APPLICATION_CREDENTIAL_SECRET")
"""Each is a way to log in; of several the SDK and the provider may choose different ones."""


def check_named(cloud: str, source: str, config: Mapping[str, Any], env: Mapping[str, str]) -> None:
    """Refuse variables that contradict a cloud of clouds.yaml; their values are not told.

    `config` is the cloud's as openstacksdk has completed it. Raises FlakeshipError.
    """
    auth = config.get("auth") or {}
    has = {name: auth.get(key) for name, key in IN_AUTH.items()}
    has |= {name: config.get(key) for name, key in BESIDE_AUTH.items()}
    has["OS_INSECURE"] = "false" if config.get("verify", True) else "true"
    mixed = [name for name, value in has.items() if env.get(name) and not _same(env[name], value)]
    if mixed:
        raise FlakeshipError(
            f"the shell has variables that differ from this cloud of {source}, and Pulumi's "
            "provider would mix them with it",
            code="credentials-mixed",
            key=cloud,
            given=", ".join(mixed),
            remedy=f"run `unset {' '.join(mixed)}`, or choose no cloud (flakeship:openstack.cloud, "
            "OS_CLOUD) to use the variables alone",
        )


def check_variables(env: Mapping[str, str]) -> None:
    """Refuse OS_* variables that contradict each other, where they are the credentials."""
    pairs = [names for names in SAME if len({env[name] for name in names if env.get(name)}) > 1]
    logins = [name for name in LOGINS if env.get(name)]
    ways = {"OS_TOKEN" if name == "OS_AUTH_TOKEN" else name for name in logins}
    mixed = [*(name for names in pairs for name in names), *(logins if len(ways) > 1 else [])]
    if mixed:
        raise FlakeshipError(
            "these variables contradict each other: openstacksdk and Pulumi's provider would not "
            "choose the same",
            code="credentials-mixed",
            key="the OS_* variables",
            given=", ".join(dict.fromkeys(mixed)),
            remedy="unset those that are not to be used",
        )


def _same(given: str, value: object) -> bool:
    """Whether a variable says what the cloud's configuration does."""
    if isinstance(value, bool):
        value = str(value).lower()
    given = {"1": "true", "0": "false"}.get(given, given)
    known = str(value or "")
    return given.rstrip("/").lower() == known.rstrip("/").lower() if known else False
