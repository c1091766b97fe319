"""What a cloud refuses or does not answer, as errors of ours: the call, the answer, the remedy.

Nothing of openstacksdk is imported before something has gone wrong with it.
"""

from __future__ import annotations

import html
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flakeship.model.errors import FlakeshipError

ADMIN = re.compile(r"all_tenants|(POST|PUT|DELETE) .*/flavors")  # calls of administrators only
# what Nova (403), Neutron (409), Cinder and Glance (413) answer when a quota is used up
OVER = re.compile(r"quota|over[ _]?limit|over a limit", re.IGNORECASE)
STATUS = re.compile(r"^\d{3} [A-Z][A-Za-z -]*: (?=.)")  # how an answer in HTML begins
USER = re.compile(r"//[^/@\s]*@")  # a name and a password in a URL
PASSING = frozenset({408, 429, 500, 502, 503, 504})  # of a service that is busy or restarted
UNTOUCHED = frozenset({429, 503})  # nothing was done: any call may be made again
AGAIN = "run it again; if that does not help, FLAKESHIP_LOG=debug shows each call and its answer"
REMEDIES = {
    404: "it was removed meanwhile, or the service's address in the catalogue is wrong "
    "(`openstack catalog list`): run it again",
    409: "something else uses or changes it: run it again in a moment",
    413: "the service, or a proxy before it, takes no request of this size: ask the cloud's "
    "administrators",
    500: "the service has failed: run it again later, and ask the cloud's administrators if that "
    "lasts",
}
"""The remedy for a status that has no message of its own."""
LONGEST = 500  # characters of an answer that a message repeats: some proxies send whole pages


@dataclass(frozen=True)
class Caller:
    """Who calls, with credentials of a `source`; `secrets` must not be in a message.

    `services` are the addresses of the catalogue, by the service's type.
    """

    cloud: str
    source: str = ""
    roles: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)

    def service(self, text: str) -> str:
        """The service whose address is in a text, empty where none is."""
        return next((k for k, url in self.services.items() if url.rstrip("/") in text), "")


def explained(error: Exception, caller: Caller) -> FlakeshipError:
    """An exception of openstacksdk, keystoneauth1 or requests as an error of ours."""
    from keystoneauth1 import exceptions as auth
    from openstack import exceptions as sdk

    from flakeship.targets.openstack.api.answers import UnreadableError

    reason, source, remedy = answer(error), caller.source, AGAIN
    for secret in caller.secrets:
        reason = reason.replace(secret, "…")
    if any(isinstance(each, ssl.SSLError | auth.SSLError) for each in _causes(error)):
        return _tls(error, reason, caller)
    match error:
        case sdk.HttpException(status_code=int(status)) | auth.HttpError(http_status=int(status)):
            return _refused(status, shown(error.method, error.url), reason, caller)
        case auth.MissingAuthMethods():
            code = "credentials-incomplete"
            what = f"the credentials in {source} need a second factor"
            remedy = "use an application credential (`openstack application credential create`)"
        case auth.ConnectTimeout() | sdk.ResourceTimeout():
            code, what = "cloud-unreachable", f"no answer in time: {reason}"
            remedy = f"try again, or raise api_timeout (seconds) in {source}"
        case auth.EndpointNotFound() | sdk.EndpointNotFound() | sdk.ServiceDiscoveryException():
            code, what = "service-missing", f"the catalogue has no such service: {reason}"
            remedy = f"region_name and interface in {source} must be those of the cloud"
        case auth.ConnectionError() | auth.DiscoveryFailure():
            code, what = "cloud-unreachable", f"cannot be reached: {reason}"
            remedy = f"check auth_url in {source}, and the network"
            if service := caller.service(str(error)):
                what = f"its {service} service cannot be reached: {reason}"
                remedy = (
                    "its address is in the catalogue (`openstack catalog list`), and the login "
                    "worked: the service is down, or a firewall is in between"
                )
        case UnreadableError() | auth.InvalidResponse():
            call = getattr(error, "call", "the login")
            code, what = "answer-unreadable", f"{call} was not answered by the service: {reason}"
            remedy = (
                "a proxy or a login page may be in between: `curl -i` with this URL shows it; "
                "HTTP_PROXY, HTTPS_PROXY and NO_PROXY choose the proxy"
            )
        case auth.AuthPluginException() | sdk.ConfigException():
            code, remedy = "credentials-incomplete", f"complete this cloud in {source}"
            what = f"the settings in {source} are incomplete: {reason}"
        case _:
            code, what = "cloud-refused", reason
    return FlakeshipError(what, code=code, key=caller.cloud, remedy=remedy)


def _tls(error: Exception, reason: str, caller: Caller) -> FlakeshipError:
    """A failed TLS handshake: which of the reasons it is decides what helps."""
    text = " ".join(map(str, _causes(error)))
    service = caller.service(text)
    where = "its address in the catalogue" if service else f"auth_url in {caller.source}"
    code = "certificate-untrusted"
    # what OpenSSL says of an answer that is no TLS
    if any(said in text for said in ("WRONG_VERSION_NUMBER", "record layer", "wrong version")):
        code, what = "tls-mismatch", f"answers without TLS, and its address is https: {reason}"
        remedy = f"{where} must begin with http://, or name the port that has TLS"
    elif "certificate has expired" in text or "not yet valid" in text:
        what = f"the certificate is not valid now: {reason}"
        remedy = "have it renewed, or set the clock of this machine"
    elif "ostname mismatch" in text or "not valid for" in text or "doesn't match" in text:
        what = f"the certificate is for another name: {reason}"
        remedy = f"{where} must have a name of the certificate"
    else:
        what = f"the certificate is not trusted: {reason}"
        remedy = f"name its authority as cacert in {caller.source}"
    if service:
        what = f"the {service} service: {what}"
    return FlakeshipError(what, code=code, key=caller.cloud, remedy=remedy)


def _refused(status: int, call: str, reason: str, caller: Caller) -> FlakeshipError:
    given = ""
    if status in {403, 409, 413} and OVER.search(reason):
        code, what = "quota-exceeded", f"a quota of the project does not allow {call}: {reason}"
        remedy = "free something or ask for more: `openstack quota show --usage` shows the quotas"
    elif status == 401 or (status in {403, 404} and call.endswith("/auth/tokens")):
        code = "credentials-refused"
        what = f"the credentials in {caller.source} are not accepted ({status}, {reason})"
        remedy = (
            "they are wrong, expired or revoked; `openstack application credential create` makes "
            "new ones"
        )
    elif status == 403:
        role = "admin" if ADMIN.search(call) else "member"
        if call.startswith(("GET", "HEAD")) and role != "admin":
            role = "reader"
        code, what = "role-missing", f"{call} is forbidden ({reason}): it needs the role {role}"
        given = ", ".join(caller.roles) or "no role"
        remedy = f"ask for that role, or use other credentials than those in {caller.source}"
    elif status in {408, 429, 502, 503, 504}:
        code, what = "cloud-busy", f"{call} was not served ({status}, {reason})"
        remedy = "the cloud is busy or under maintenance: try again later"
    elif status == 400 and "HTTPS port" in reason:  # nginx and Apache say so
        code, what = "tls-mismatch", f"{call} is answered by a port with TLS, by http: {reason}"
        remedy = (
            f"auth_url in {caller.source}, or the catalogue's address, must begin with https://"
        )
    else:
        code, what = "cloud-refused", f"{call} failed with {status}: {reason}"
        remedy = REMEDIES.get(status, AGAIN)
    return FlakeshipError(what, code=code, key=caller.cloud, given=given, remedy=remedy)


def passing(error: Exception) -> bool:
    """Whether the same call may work in a moment: nobody has answered, or the cloud is busy."""
    from keystoneauth1 import exceptions as auth
    from openstack import exceptions as sdk

    from flakeship.targets.openstack.api.answers import UnreadableError

    match error:
        case UnreadableError():
            return error.passing
        case sdk.HttpException(status_code=int(status)) | auth.HttpError(http_status=int(status)):
            return status in {408, 429} or (status >= 500 and status != 501)
        case auth.SSLError():
            return False
    return isinstance(error, auth.ConnectionError)


def answer(error: Exception) -> str:
    """The cloud's own words in an error, as one line."""
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
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"


def _unanswered(error: Exception) -> str:
    """An error of the libraries: their own words are only the first and the last of its causes."""
    root = _causes(error)[-1]
    where = str(error).partition(": HTTP")[0]
    if isinstance(root, OSError) and root is not error and root.strerror:
        return f"{where}: {root.strerror}"
    return where


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what caused it, the first cause last."""
    found = [error]
    while below := found[-1].__cause__ or found[-1].__context__:
        found.append(below)
    return found


def shown(method: object, url: object) -> str:
    """A call for a person: its URL without a password and a query."""
    parts = urlsplit(str(url or ""))
    tenants = "?all_tenants" if "all_tenants" in parts.query else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{method} {parts.scheme}://{host}{parts.path}{tenants}" if host else "a call"


def client(cloud: str, words: str) -> str:
    """A command line of the client `openstack`; a cloud of the shell's choice needs no name."""
    return f"openstack {f'--os-cloud {cloud} ' if cloud else ''}{words}"
