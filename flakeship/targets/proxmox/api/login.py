"""Who calls which API: the settings, completed by the variables that Pulumi's plugin reads too.

One identity serves the whole run: what would give the plugin another one is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import secret_file
from flakeship.targets.proxmox.fields import Endpoint

ENDPOINT, TOKEN, INSECURE = (
    "PROXMOX_VE_ENDPOINT",
    "PROXMOX_VE_API_TOKEN",
    "PROXMOX_VE_INSECURE",
)
OTHERS = (
    "PROXMOX_VE_USERNAME",
    "PROXMOX_VE_PASSWORD",
    "PROXMOX_VE_AUTH_TICKET",
    "PROXMOX_VE_MIN_TLS",
)
"""Other ways to log in, and weaker ones: the plugin may take them in the place of the settings."""
OLDER = "PM_VE_"  # how the plugin's older names of all its variables begin

SHAPE = re.compile(
    r"(?P<id>[^\s@!=]{1,64}@[A-Za-z][A-Za-z0-9._-]*![A-Za-z][A-Za-z0-9._-]*)=\S{1,256}"
)
KEY = "flakeship:proxmox.endpoint"
NEW = (
    "`pveum user token add iac@pve flakeship` makes one and shows it once; write it as "
    "`iac@pve!flakeship=<value>`"
)


@dataclass(frozen=True)
class Access:
    """How the settings reach an API; what is empty comes from the environment."""

    endpoint: str = ""
    token_file: str = ""
    ca_file: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Login:
    """An API and its caller: `token` is the header's value and secret, `user` is its id.

    With neither an authority nor a fingerprint the machine's own authorities are trusted.
    """

    endpoint: str
    user: str
    token: str = field(repr=False)
    ca_file: str = ""
    fingerprint: str = ""

    @property
    def owner(self) -> str:
        """The user whose token it is."""
        return self.user.partition("!")[0]


def find(access: Access, environment: Mapping[str, str] = os.environ) -> Login:
    """The login of these settings. Raises FlakeshipError; the secret is never told."""
    _refuse_other_logins(environment)
    endpoint = _endpoint(access, environment)
    text = _token(access, environment)
    found = SHAPE.fullmatch(text)
    if not found or not text.isascii() or not text.isprintable():
        raise FlakeshipError(
            "is no API token",
            code="token-malformed",
            key=access.token_file or TOKEN,
            allowed="<user>@<realm>!<name>=<value>",
            remedy=NEW,
        )
    return Login(endpoint, found["id"], text, access.ca_file, access.fingerprint)


def _refuse_other_logins(environment: Mapping[str, str]) -> None:
    if environment.get(INSECURE, "").lower() not in {"", "0", "f", "false"}:
        raise FlakeshipError(
            "would let Pulumi's plugin send the token to anybody who answers",
            code="tls-switched-off",
            key=INSECURE,
            given=environment[INSECURE],
            remedy=f"run `unset {INSECURE}`, and set flakeship:proxmox.fingerprint or caFile",
        )
    older = sorted(name for name in environment if name.startswith(OLDER))
    if others := [name for name in (*OTHERS, *older) if environment.get(name)]:
        raise FlakeshipError(
            "the shell has another login than the API token, or another TLS than 1.3",
            code="credentials-mixed",
            key=", ".join(others),
            remedy=f"run `unset {' '.join(others)}`: one token serves the whole run",
        )


def _endpoint(access: Access, environment: Mapping[str, str]) -> str:
    from pydantic import TypeAdapter, ValidationError

    variable = environment.get(ENDPOINT, "")
    if not variable and not access.endpoint:
        raise FlakeshipError(
            "no API is named",
            code="endpoint-missing",
            key=KEY,
            allowed="such as https://pve1.example.com:8006",
            remedy=f"set it, or {ENDPOINT}",
        )
    try:
        read: str = TypeAdapter(Endpoint).validate_python(variable)
    except ValidationError as error:
        raise FlakeshipError(
            "is no address of an API",
            code="endpoint-malformed",
            key=ENDPOINT,
            allowed="such as https://pve1.example.com:8006, without user, password and path",
        ) from error
    if access.endpoint and read and read != access.endpoint:
        raise FlakeshipError(
            f"differs from {KEY}, {access.endpoint}",
            code="credentials-mixed",
            key=ENDPOINT,
            given=read,
            remedy=f"run `unset {ENDPOINT}`, or remove the setting",
        )
    return access.endpoint or read


def _token(access: Access, environment: Mapping[str, str]) -> str:
    variable = environment.get(TOKEN, "")
    if not access.token_file:
        if not variable:
            raise FlakeshipError(
                "there is no API token",
                code="token-missing",
                key=TOKEN,
                remedy=f"export it, or name its file as flakeship:proxmox.tokenFile; {NEW}",
            )
        return variable.strip()
    text = secret_file.read(Path(access.token_file), "token", "API token")
    if variable and variable.strip() != text:
        raise FlakeshipError(
            "has another token than flakeship:proxmox.tokenFile",
            code="credentials-mixed",
            key=TOKEN,
            remedy=f"run `unset {TOKEN}`, or remove the setting",
        )
    return text
