"""Checks that only a server of Nova's has: what the API says, what a neighbour sees, activation."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.process import Shell
from flakeship.targets.openstack.api import errors, rest
from flakeship.targets.openstack.network import access, port
from flakeship.targets.openstack.network.port import Port
from flakeship.targets.openstack.requests import Bastion, VerifyServerRequest
from flakeship.verify import port_scan as scan
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.route import Route

if TYPE_CHECKING:
    from openstack.proxy import Proxy

SWITCH = 300.0
"""Seconds for an activation."""


@dataclass(frozen=True)
class Case:
    """A server that is verified: what was asked for, its port, and the way to it."""

    request: VerifyServerRequest
    at: Port
    way: Route

    @property
    def peer(self) -> Bastion | None:
        """The server that is active now and looks at this one from its network."""
        return None if self.way.serving else self.request.jump


def api(compute: Proxy, network: Proxy, case: Case) -> str:
    """Nova and Neutron have the server as it was asked for."""
    request, at = case.request, case.at
    try:
        server = rest.ask(compute, "GET", f"/servers/{request.server}")["server"]
        now = port.find(network, request.machine, at.id)
    except (SDKException, ClientException) as error:
        raise Failed(f"the API does not tell: {errors.answer(error)}") from error
    except FlakeshipError as error:
        raise Failed(str(error)) from error
    image = (server["image"] or {"id": "none, but a volume"})["id"]
    addresses = {each["addr"] for net in server["addresses"].values() for each in net}
    wishes = [
        ("the status", server["status"], "ACTIVE"),
        ("the flavor", server["flavor"]["original_name"], request.flavor),
        ("the image", image, request.image),
        ("the server of its port", now.device or "none", request.server),
        ("the address of its port", now.ipv4, at.ipv4),
    ]
    wrong = [f"{what} is {found}, not {wish}" for what, found, wish in wishes if found != wish]
    if at.ipv4 not in addresses:
        has = ", ".join(sorted(addresses)) or "none"
        wrong.append(f"{at.ipv4} is not among its addresses: {has}")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"ACTIVE, {request.flavor}, image {request.image}, {at.ipv4} on port {at.id}"


def port_scan(case: Case, _login: Shell, known: Future[Facts]) -> str:
    """Whoever looks sees the declared TCP ports open, and no others; a peer sees more than we do.

    A peer that cannot look, or may not, is replaced by us: what is wrong with the server that was
    active must not keep its successor out.
    """
    why = ""
    if peer := case.peer:
        try:
            return _from_peer(case, peer, known)
        except (FlakeshipError, scan.BlindError) as error:
            why = f", as {peer.name} could not look: {error}"
    if not case.way.own:
        raise Failed(f"nobody could look at all its ports{why}")
    found = _seen(case, [scan.straight(case.way.address)], set(), known)
    return f"{found}; seen from this machine{why}"


def _from_peer(case: Case, peer: Bastion, known: Future[Facts]) -> str:
    """What the peer sees. It has an inner address, so restricted ports may be closed to it.

    Raises FlakeshipError or BlindError where it cannot look.
    """
    restricted = {*case.request.restricted}
    if scan.SSH in restricted:
        raise FlakeshipError(f"tcp {scan.SSH} is not open to everybody")
    with ExitStack() as opened:
        login = access.endpoint(case.request, peer)
        dials = scan.through(opened, login, peer.host_keys, case.at.ipv4)
        found = _seen(case, dials, restricted, known)
    but = f" (not expected: tcp {scan.numbers(restricted)}, restricted)" if restricted else ""
    return f"{found}{but}; seen from {peer.name}, its neighbour"


def _seen(case: Case, dials: list[scan.Dial], restricted: set[int], known: Future[Facts]) -> str:
    """The verdict on what is open to whoever dials."""
    tcp = [each for each in case.request.verify.ports if each.protocol != "udp"]
    declared = {scan.SSH, *(each.port for each in tcp)}
    optional = restricted | {each.port for each in tcp if each.needs_data}
    found = scan.scan(dials, declared - restricted, lambda: scan.listening(known.result()))
    return scan.verdict(found, declared, optional)


def switch(case: Case, login: Shell, _known: Future[Facts]) -> str:
    """The release can be activated once more: what `nixos-rebuild switch` does works."""
    if case.way.serving:
        return "skipped: it has the stable address and is serving"
    toplevel = case.request.verify.toplevel
    command = f"{toplevel}/bin/switch-to-configuration switch"
    try:
        root = f"PATH=$PATH:/run/wrappers/bin sudo -n {command}"
        result = login.run(root, timeout=SWITCH, check=False)
        now = login.run("readlink -f /run/current-system", check=False).stdout.strip()
    except CommandError as error:
        raise Failed(f"`{command}` did not end: {error}") from error
    if result.code != 0:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()[-3:]
        raise Failed(f"`{command}` ended with exit code {result.code}: {' / '.join(said)}")
    if now != toplevel:
        raise Failed(f"after `{command}` {now or 'nothing'} is running")
    return "switch-to-configuration switch: exit code 0, the release is still running"
