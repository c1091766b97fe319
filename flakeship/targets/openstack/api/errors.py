"""What a cloud refuses or does not answer, in our words: what was asked, what it said, what next.

Nothing of openstacksdk is imported before something has gone wrong with it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from flakeship.model.errors import FlakeshipError

ADMIN = re.compile(r"all_tenants|(POST|PUT|DELETE) .*/flavors")
"""Calls that a cloud allows to its administrators only."""

OVER = re.compile(r"quota|over[ _]?limit|over a limit|OverQuota", re.IGNORECASE)
"""How Nova (403), Neutron (409), Cinder and Glance (413) say that a quota is used up."""

STATUS = re.compile(r"^\d{3} [A-Z][A-Za-z -]*: (?=.)")
"""What an answer in HTML begins with."""

USER = re.compile(r"//[^/@\s]*@")
"""A name and a password in a URL."""

SAID = 500
"""Characters of an answer that a message repeats: some proxies answer with whole pages."""


@dataclass(frozen=True)
class Whose:
    """Who asked: the cloud's name, where its credentials come from, the roles of the token.

    `secrets` are words that must not be in a message, whatever the cloud answers.
    """

    cloud: str
    source: str = ""
    roles: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def explained(error: Exception, who: Whose) -> FlakeshipError:
    """What an exception of openstacksdk, keystoneauth1 or requests says to a user."""
    from keystoneauth1 import exceptions as auth
    from openstack import exceptions as sdk

    said = without(answer(error), who.secrets)
    match error:
        case sdk.HttpException(status_code=int(status)) | auth.HttpError(http_status=int(status)):
            text = _refused(status, _asked(error.method, error.url), said, who)
        case auth.MissingAuthMethods():
            text = (
                f"the cloud wants a second factor beside {who.source}: use an "
                "application credential (`openstack application credential create`)"
            )
        case auth.SSLError():
            text = (
                f"the certificate is not trusted: {said}; name its "
                f"authority as cacert in {who.source}"
            )
        case auth.ConnectTimeout() | sdk.ResourceTimeout():
            text = (
                f"no answer in time: {said}; try again, or give "
                f"api_timeout (seconds) in {who.source}"
            )
        case auth.EndpointNotFound() | sdk.EndpointNotFound() | sdk.ServiceDiscoveryException():
            text = (
                f"the catalogue has no such service: {said}; "
                f"region_name and interface in {who.source} must be those of the cloud"
            )
        case auth.ConnectionError() | auth.DiscoveryFailure():
            text = (
                f"cannot be reached: {said}; is auth_url in {who.source} right, and the network up?"
            )
        case auth.AuthPluginException() | sdk.ConfigException():
            text = f"the settings in {who.source} are not complete: {said}"
        case _:
            text = said
    return FlakeshipError(f"{who.cloud}: {text}")


def _refused(status: int, asked: str, said: str, who: Whose) -> str:
    """An answer that is no success."""
    if status in {403, 409, 413} and OVER.search(said):
        return (
            f"a quota of the project does not allow {asked}: {said}; "
            f"`openstack quota show --usage` shows them: free something or ask for more"
        )
    if status == 401 or (status in {403, 404} and asked.endswith("/auth/tokens")):
        return (
            f"the credentials in {who.source} are not accepted ({status}, {said}): they "
            "are wrong, expired or revoked. An application credential that has expired is made "
            "anew with `openstack application credential create`"
        )
    if status == 403:
        role = "admin" if ADMIN.search(asked) else "member"
        if asked.startswith(("GET", "HEAD")) and role != "admin":
            role = "reader"
        held = ", ".join(who.roles) or "no role"
        return (
            f"{asked} is forbidden ({said}): it needs the role {role}, and the "
            f"credentials in {who.source} have {held}"
        )
    if status in {408, 429, 502, 503, 504}:
        return (
            f"{asked} was not served ({status}, {said}): the cloud is busy or being "
            "repaired; try again later"
        )
    return f"{asked} failed with {status}: {said}"


def passing(error: Exception) -> bool:
    """Whether the same call may work in a moment: nobody has answered, or the cloud is busy."""
    from keystoneauth1 import exceptions as auth
    from openstack import exceptions as sdk

    match error:
        case sdk.HttpException(status_code=int(status)) | auth.HttpError(http_status=int(status)):
            return status in {408, 429} or (status >= 500 and status != 501)
        case auth.SSLError():
            return False
    return isinstance(error, auth.ConnectionError)


def answer(error: Exception) -> str:
    """What the cloud itself said with an error, as one line."""
    from openstack import exceptions as sdk

    response = getattr(error, "response", None)
    # keystoneauth1 does not understand the answers of all services, openstacksdk does
    if not isinstance(error, sdk.HttpException) and response is not None:
        try:
            sdk.raise_from_response(response)
        except sdk.HttpException as same:
            error = same
    text = getattr(error, "details", "") or _unanswered(error) or type(error).__name__
    plain = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", str(text))).split())
    plain = USER.sub("//", STATUS.sub("", plain, count=1))
    return plain if len(plain) <= SAID else f"{plain[:SAID]}…"


def _unanswered(error: Exception) -> str:
    """An error that came from no cloud: of the libraries' own words only the first and the last."""
    root: BaseException = error
    while below := root.__cause__ or root.__context__:
        root = below
    where = str(error).partition(": HTTP")[0]
    if isinstance(root, OSError) and root is not error and root.strerror:
        return f"{where}: {root.strerror}"
    return where


def without(text: str, secrets: Iterable[str]) -> str:
    """The text without these words."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _asked(method: object, url: object) -> str:
    """A call, without what a URL may hold beside the place: a password, or a long query."""
    parts = urlsplit(str(url or ""))
    tenants = "?all_tenants" if "all_tenants" in parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{method} {parts.scheme}://{host}{parts.path}{tenants}" if host else "a call"
