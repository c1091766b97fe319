"""What Proxmox VE refuses or does not answer, as errors of ours: call, words and remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from flakeship.model.errors import FlakeshipError
from flakeship.model.text import one_line
from flakeship.targets.proxmox.api.login import NEW, Login
from flakeship.targets.proxmox.privileges import grant

DENIED = re.compile(r"Permission check failed(?: \((?P<path>/\S*), (?P<names>[A-Za-z.|, ]+)\))?")
GONE = re.compile(r"does not exist|no such (?:resource|task|file)|No such file", re.IGNORECASE)
FORWARDED = {
    595: "the node that it is about cannot be reached",
    596: "the node that it is about answers with a certificate that its cluster does not know",
    599: "the node that it is about did not answer in time",
}
"""The statuses of pveproxy for calls that it hands on to another node."""
BUSY = frozenset({502, 503, 504, *FORWARDED})  # of a service that is restarted, or a node
PASSING = BUSY | {429}
AGAIN = "run it again; if that does not help, FLAKESHIP_LOG=debug shows each call and its answer"


@dataclass(eq=False, repr=False)
class ApiError(FlakeshipError):
    """A call that failed: `status` is 0 where nobody answered; `said` are Proxmox VE's words."""

    _: KW_ONLY
    status: int = 0
    said: str = ""
    privileges: Sequence[str] = ()  # that are missing, of which one is enough

    @property
    def gone(self) -> bool:
        """Whether what the call is about does not exist."""
        return self.status == 404 or (self.status in {400, 500} and bool(GONE.search(self.said)))

    @property
    def passing(self) -> bool:
        """Whether the same call may work in a moment."""
        return self.status in PASSING or (self.status == 0 and self.code == "api-unreachable")


def refused(call: str, status: int, said: str, login: Login) -> ApiError:
    """The error of an answer with a status that is no success; `call` is its method and path."""
    said = one_line(said) or "no reason given"
    what, remedy, code, details = f"{call} failed with {status}: {said}", AGAIN, "api-refused", []
    names: list[str] = []
    if status == 401:
        code = "token-refused"
        what = f"the API token {login.user} is not accepted ({said})"
        remedy = f"it is wrong, expired or removed: {NEW}"
    elif denied := DENIED.search(said) if status == 403 else None:
        code = "privilege-missing"
        names = re.findall(r"[A-Z][A-Za-z.]+", denied["names"] or "")
        which = f" {' or '.join(names)} on {denied['path']}" if names else " a privilege"
        what = f"{call} is forbidden: the token {login.user} lacks{which}"
        remedy = "grant it on a node, as root"
        details = [f"  {grant(login, denied['path'], names[:1])}"] if names else []
        if not names:
            remedy = (
                "Proxmox VE does not say which one: `pveum user token permissions "
                f"{login.owner} {login.user.partition('!')[2]}` lists those that there are, and a "
                "preview names those that are missing"
            )
    elif status == 501:
        code, remedy = "api-unknown", "it needs a newer Proxmox VE, or a proxy is in between"
    elif status in FORWARDED:
        code = "node-unreachable"
        what = f"{call} failed with {status}: {FORWARDED[status]} ({said})"
        remedy = "`pvecm status` on a node shows the cluster"
    elif status in PASSING:
        code, remedy = "api-busy", "its services may be restarting: run it again in a moment"
    return ApiError(
        what,
        code=code,
        key=login.endpoint,
        remedy=remedy,
        details=details,
        status=status,
        said=said,
        privileges=names,
    )


def unreachable(call: str, reason: str, login: Login) -> ApiError:
    """Nobody has answered a call."""
    return ApiError(
        f"{call} was not answered: {one_line(reason)}",
        code="api-unreachable",
        key=login.endpoint,
        remedy="check flakeship:proxmox.endpoint, the network and pveproxy on that node "
        "(`systemctl status pveproxy`); any node of the cluster will do",
    )


def unknown_host(login: Login, reason: str) -> ApiError:
    """The name in the endpoint leads to no address."""
    return ApiError(
        f"its name is not known here: {one_line(reason)}",
        code="host-unknown",
        key=login.endpoint,
        remedy="check flakeship:proxmox.endpoint, and this machine's DNS; it may be an IP address",
    )


def unreadable(call: str, reason: str, login: Login) -> ApiError:
    """An answer that is not Proxmox VE's: a proxy's page, a part of one, or of another shape."""
    return ApiError(
        f"{call} was answered by something else than Proxmox VE: {one_line(reason)}",
        code="answer-unreadable",
        key=login.endpoint,
        remedy="a proxy or a login page may be in between: HTTPS_PROXY and NO_PROXY choose the "
        "proxy, and the endpoint must name pveproxy, by default port 8006",
    )
