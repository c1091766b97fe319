"""How the checks reach a server: which route is taken, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.ssh import connection, errors, stored_login
from flakeship.ssh.options import SshOptions
from flakeship.system import tcp
from flakeship.targets.openstack.network import access, port
from flakeship.targets.openstack.owned_resources import owner_of
from flakeship.targets.openstack.requests import OwnBastion, VerifyServerRequest
from flakeship.targets.openstack.resources import description
from flakeship.verify.request import Route, login_lines
from tests.targets.openstack.unit.fake_cloud import Cloud
from tests.targets.openstack.unit.samples import BASTION, OWNER, REQUEST
from tests.unit.verify.machines import ED25519

TEMPORARY = OWNER.for_verification()
MINE = description(TEMPORARY)
SAME = {22: 22, 80: 80}
OWN = OwnBastion("bastion", "2001:db8::7", "alice", [ED25519], 2222, "")
THROUGH = replace(REQUEST, access="bastion", bastion=OWN)


class Login(connection.Connection):
    """A bastion that forwards every port to one that is a thousand higher."""

    refusal: FlakeshipError | None = None
    faults: Sequence[str] = ()
    answers: list[list[str]] | None = None  # instead of `faults`, one after the other

    def connect(self, seconds: float, *, up: bool = False, **_: object) -> None:
        assert (seconds, up) == ((30, True) if self.endpoint.name == OWN.name else (10, False))
        if self.refusal:
            raise self.refusal

    def forward(self, address: str, port: int) -> int:
        assert address == "10.0.2.15"
        return 1000 + port

    @property
    def forward_faults(self) -> list[str]:
        return self.answers.pop(0) if self.answers else [*self.faults]


@pytest.fixture
def bastion(monkeypatch: pytest.MonkeyPatch) -> type[Login]:
    monkeypatch.setattr(connection, "Connection", Login)
    monkeypatch.setattr(Login, "refusal", None)
    monkeypatch.setattr(Login, "faults", ())
    return Login


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level("INFO", "flakeship")
    return caplog


def go(memory: Cloud, request: VerifyServerRequest) -> Route:
    """Open the route, and close it."""
    server_port = port.find(memory.network, request.machine, request.port)
    with access.NovaAccess(memory.network, request, server_port).open() as route:
        return route


def test_a_temporary_address_comes_and_goes(memory: Cloud, log: pytest.LogCaptureFixture) -> None:
    server_port = port.find(memory.network, "web", "port-1")
    with access.NovaAccess(memory.network, REQUEST, server_port).open() as route:
        (made,) = memory.things["floatingips"].values()
        assert (route.address, route.ports, route.own) == (made["floating_ip_address"], SAME, True)
        assert (made["port_id"], made["description"]) == ("port-1", MINE)
        assert owner_of(made) == TEMPORARY  # from the beginning, with no call more
    assert not memory.things["floatingips"]
    assert [call.partition(" ")[0] for call in memory.asked("floatingips")] == [
        "GET",
        "POST",
        "DELETE",
    ]
    assert log.messages == [f"{REQUEST.machine}: using {route.address}, a temporary floating IP"]
    first, again, by_hand, then, last = login_lines(REQUEST.verify, route, [ED25519])
    assert "has been removed" in first
    assert again.strip() == "openstack --os-cloud fake floating ip create --port port-1 public"
    assert by_hand.endswith("nixos@ADDRESS")
    assert then == "  and this removes it afterwards, which nothing else does:"
    assert last == "  openstack --os-cloud fake floating ip delete ADDRESS"


def test_no_route_leads_to_udp(memory: Cloud) -> None:
    ports = [*REQUEST.verify.ports, Port(port=51820, protocol="udp")]
    request = replace(REQUEST, verify=replace(REQUEST.verify, ports=ports))
    assert go(memory, request).ports == SAME


@pytest.mark.parametrize("failure", [KeyboardInterrupt, FlakeshipError, OSError])
def test_it_goes_whatever_happens(memory: Cloud, failure: type[BaseException]) -> None:
    memory.refuse("DELETE", 503, "busy", times=2)
    server_port = port.find(memory.network, "web", "port-1")
    route = access.NovaAccess(memory.network, REQUEST, server_port)
    with pytest.raises(failure), route.open():
        raise failure("x")
    assert not memory.things["floatingips"]


def test_one_that_cannot_be_removed_is_told(memory: Cloud) -> None:
    memory.refuse("DELETE", 503, "busy")
    with pytest.raises(FlakeshipError) as raised:
        go(memory, REQUEST)
    assert raised.value.code == "removal-failed"
    assert "203.0.113.2" in raised.value.key
    assert raised.value.remedy.startswith("try `openstack --os-cloud fake floating ip delete")


@pytest.mark.parametrize("on", ["port-1", None])
def test_what_a_killed_run_has_left_is_taken_over(memory: Cloud, on: str | None) -> None:
    left = memory.floating(description=MINE, port_id=on)
    route = go(memory, REQUEST)
    assert route.address == left["floating_ip_address"]
    assert not memory.things["floatingips"]
    assert not memory.asked("^POST")


def test_what_belongs_to_others_stays(memory: Cloud, log: pytest.LogCaptureFixture) -> None:
    memory.floating(description=MINE, port_id="port-of-a-server-that-is-verified-now")
    by_hand = memory.floating(port_id="port-1")
    assert go(memory, REQUEST).address == by_hand["floating_ip_address"]
    assert log.messages[0].endswith("which leads to its port already")
    assert len(memory.things["floatingips"]) == 2


def test_a_cloud_that_has_no_address_left(memory: Cloud) -> None:
    quota = "Quota exceeded for resources: ['floatingip']."
    memory.refuse("POST .*/floatingips", 409, quota, times=1)
    with pytest.raises(FlakeshipError) as raised:
        go(memory, REQUEST)
    error = raised.value
    assert (error.code, error.key) == ("address-unavailable", REQUEST.machine)
    assert error.what.startswith("the network public has no floating IP")
    assert error.what.endswith(quota.rstrip("."))
    assert "`openstack --os-cloud fake floating ip list`" in error.remedy


@pytest.mark.parametrize("wish", ["floating", "bastion", "direct"])
def test_the_stable_address_is_used_once_it_leads_here(memory: Cloud, wish: Any) -> None:
    stable = memory.floating(port_id="port-1")["floating_ip_address"]
    route = go(memory, replace(REQUEST, stable=stable, access=wish, bastion=BASTION))
    assert (route.address, route.ports, route.serving) == (stable, SAME, True)
    assert login_lines(REQUEST.verify, route, [])[0].endswith(f"nixos@{stable}")


def test_a_stable_address_that_leads_elsewhere_is_not_used(memory: Cloud) -> None:
    stable = memory.floating(port_id="port-of-the-active-server")["floating_ip_address"]
    route = go(memory, replace(REQUEST, stable=stable))
    assert route.address != stable
    assert not route.serving


def test_directly(memory: Cloud) -> None:
    route = go(memory, replace(REQUEST, access="direct"))
    assert (route.address, route.ports, route.own) == ("10.0.2.15", SAME, True)
    assert not memory.asked("floatingips")


@pytest.mark.usefixtures("bastion")
def test_through_the_active_server(memory: Cloud, log: pytest.LogCaptureFixture) -> None:
    route = go(memory, replace(REQUEST, access="bastion", bastion=BASTION))
    assert (route.address, route.ports, route.own) == ("127.0.0.1", {22: 1022, 80: 1080}, False)
    assert log.messages == [f"{REQUEST.machine}: using web-old as a bastion"]
    assert not memory.asked("floatingips")
    (line,) = login_lines(REQUEST.verify, route, [ED25519])
    assert "ProxyCommand=ssh" in line
    assert "nixos@203.0.113.9 -W 10.0.2.15:22' nixos@10.0.2.15" in line


def test_the_first_server_has_no_bastion(memory: Cloud, log: pytest.LogCaptureFixture) -> None:
    assert go(memory, replace(REQUEST, access="bastion")).address == "203.0.113.2"
    assert "no active server yet" in log.messages[0]


@pytest.mark.usefixtures("bastion")
def test_a_restricted_port_22_is_not_reached_from_inside(
    memory: Cloud, log: pytest.LogCaptureFixture
) -> None:
    request = replace(REQUEST, access="bastion", bastion=BASTION, restricted=[22])
    assert go(memory, request).address == "203.0.113.2"
    assert "cannot use web-old as a bastion: port 22 is restricted" in log.messages[0]
    assert go(memory, replace(request, restricted=[80])).address == "127.0.0.1"


@pytest.mark.parametrize(
    "error",
    [errors.UnreachableError, errors.LoginRefusedError, errors.HostKeyRefusedError],
)
def test_an_active_server_that_cannot_be_used(
    memory: Cloud,
    bastion: type[Login],
    error: type[FlakeshipError],
    log: pytest.LogCaptureFixture,
) -> None:
    bastion.refusal = error("no route")
    route = go(memory, replace(REQUEST, access="bastion", bastion=BASTION))
    assert route.address == "203.0.113.2"
    assert log.messages[0] == f"{REQUEST.machine}: cannot use web-old as a bastion: no route"


@pytest.mark.usefixtures("bastion")
@pytest.mark.parametrize("restricted", [[], [22]])
def test_through_a_bastion_of_ones_own(
    memory: Cloud, log: pytest.LogCaptureFixture, restricted: list[int]
) -> None:
    """Where port 22 is restricted it is among those who are let in."""
    route = go(memory, replace(THROUGH, restricted=restricted))
    assert (route.address, route.ports, route.own) == ("127.0.0.1", {22: 1022, 80: 1080}, False)
    assert log.messages == [f"{REQUEST.machine}: using the bastion alice@[2001:db8::7]:2222"]
    assert not memory.asked("floatingips")
    (line,) = login_lines(REQUEST.verify, route, [ED25519])
    login = stored_login.read(line.strip(), "server web")
    assert login.words[-1] == "nixos@10.0.2.15"
    assert login.bastion == SshOptions(OWN.endpoint(""), [ED25519]).login()


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (errors.UnreachableError, ".address"),
        (errors.LoginRefusedError, ".user"),
        (errors.UnsignedError, ".identity"),
        (errors.NoKeyError, ".identity"),
        (errors.HostKeyRefusedError, ".hostKey"),
    ],
)
def test_nothing_takes_the_place_of_a_bastion_of_ones_own(
    memory: Cloud, bastion: type[Login], error: type[FlakeshipError], key: str
) -> None:
    bastion.refusal = error("no route")
    with pytest.raises(FlakeshipError) as raised:
        go(memory, THROUGH)
    found = raised.value
    assert (found.code, found.key) == (
        f"bastion-{error.code}",
        f"flakeship:openstack.bastion{key}",
    )
    assert "alice@[2001:db8::7]:2222" in found.what
    assert "no route" in found.what
    assert found.remedy
    assert not memory.asked("floatingips")


def test_a_key_of_the_bastion_that_is_gone(memory: Cloud) -> None:
    with pytest.raises(FlakeshipError) as raised:
        go(memory, replace(THROUGH, bastion=replace(OWN, identity="/no/key")))
    assert raised.value.code == "bastion-identity-missing"
    assert raised.value.key == "flakeship:openstack.bastion.identity"


def failing(memory: Cloud, error: FlakeshipError) -> FlakeshipError:
    """What becomes of the failure of a verification through a bastion of one's own."""
    server_port = port.find(memory.network, REQUEST.machine, REQUEST.port)
    route = access.NovaAccess(memory.network, THROUGH, server_port)
    with pytest.raises(FlakeshipError) as raised, route.open():
        raise error
    return raised.value


ROUTELESS, REFUSED = "connect failed: No route to host", "connect failed: Connection refused"


@pytest.mark.parametrize(
    ("faults", "code", "said"),
    [
        ([ROUTELESS], "bastion-without-route", "No route to host"),
        ([REFUSED, ROUTELESS], "bastion-without-route", "No route to host"),
        ([], "ssh-unreachable", "silence"),
        ([ROUTELESS, REFUSED], "ssh-unreachable", "silence"),
    ],
)
def test_a_server_that_does_not_answer_the_bastion(
    memory: Cloud, bastion: type[Login], faults: list[str], code: str, said: str
) -> None:
    bastion.faults = faults
    told = errors.UnreachableError(
        "silence", key="web-1", remedy="look at its network", details=["  | console"]
    )
    error = failing(memory, told)
    assert error.code == code
    assert said in error.what
    assert (error.key, error.details) == ("web-1", ("  | console",))
    assert error.remedy.startswith("look at its network")
    through = code == "bastion-without-route"
    assert ("alice@[2001:db8::7]:2222" in error.what, "bastion" in error.remedy) == (through,) * 2


def test_a_bastion_that_may_not_forward_is_told_at_once(
    memory: Cloud, bastion: type[Login]
) -> None:
    bastion.faults = ["administratively prohibited: open failed"]
    with pytest.raises(FlakeshipError) as raised:
        go(memory, THROUGH)
    assert raised.value.code == "bastion-forbids-forwarding"
    assert raised.value.key == "flakeship:openstack.bastion"
    assert "PermitOpen" in raised.value.remedy


@pytest.mark.usefixtures("bastion")
def test_a_bastion_that_may_not_connect_to_some_ports(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = FlakeshipError("1 check failed", details=["  ✗ port-80"])

    def knock(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(tcp, "exchange", knock)
    monkeypatch.setattr(Login, "answers", [[], ["administratively prohibited: open failed"]])
    error = failing(memory, failed)
    assert error.details[0] == "  ✗ port-80"
    assert "PermitOpen" in error.details[1]


def test_a_port_without_ipv4(memory: Cloud) -> None:
    memory.things["ports"]["port-1"]["fixed_ips"] = []
    with pytest.raises(FlakeshipError) as raised:
        go(memory, REQUEST)
    assert (raised.value.code, raised.value.key) == ("port-without-ipv4", REQUEST.machine)


@pytest.mark.parametrize("lost", [True, False])
def test_a_create_whose_answer_fails_is_not_made_twice(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    """The address may be there although the cloud has answered 502: it is looked for first."""
    usual = memory.answer
    made: list[object] = []

    def answer(method: str, target: str, body: bytes) -> tuple[int, Any]:
        if method == "POST" and "/floatingips" in target and not made:
            made.append(usual(method, target, body) if lost else None)
            return 502, "<html>Proxy Error</html>"
        return usual(method, target, body)

    monkeypatch.setattr(memory, "answer", answer)
    go(memory, REQUEST)
    assert len(memory.asked("POST .*/floatingips")) == 1
    assert not memory.things["floatingips"]
