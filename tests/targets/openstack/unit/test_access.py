from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.ssh import connection
from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.network import access, port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.verify.route import Route, login_lines
from tests.targets.openstack.unit.small_cloud import JUMP, MARKS, REVIEW, SmallCloud
from tests.unit.verify.machines import ED25519

MINE = ownership_tags.description(ownership_tags.metadata(MARKS))


class Login(connection.Connection):
    """A jump host that forwards every port to one that is a thousand higher."""

    refusal: FlakeshipError | None = None

    def connect(self, seconds: float) -> None:
        assert seconds == access.SECONDS
        if self.refusal:
            raise self.refusal

    def forward(self, address: str, port: int) -> int:
        assert address == "10.0.2.15"
        return 1000 + port


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> type[Login]:
    monkeypatch.setattr(connection, "Connection", Login)
    monkeypatch.setattr(Login, "refusal", None)
    return Login


def go(small: Any, request: VerifyServerRequest, said: list[str] | None = None) -> Route:
    """Open the way, look at it, and close it."""
    at = port.find(small, request.machine, request.port)
    with access.open_route(small, request, at, (said if said is not None else []).append) as found:
        return found


SAME = {22: 22, 80: 80}


def test_a_temporary_address_comes_and_goes(small: SmallCloud) -> None:
    at = port.find(small, "web", "port-1")  # type: ignore[arg-type]
    said: list[str] = []
    with access.open_route(small, REVIEW, at, said.append) as way:  # type: ignore[arg-type]
        (made,) = small.things["floatingips"].values()
        assert (way.address, way.ports, way.own) == (made["floating_ip_address"], SAME, True)
        assert (made["port_id"], made["description"]) == ("port-1", MINE)
        assert made["tags"] == [
            "flakeship_stack=dev",
            "flakeship_name=web",
            "flakeship_release=web-6h0ir2lm",
            "flakeship_temporary=1",
        ]
    assert not small.things["floatingips"]
    assert said == [f"{REVIEW.machine}: looked at by {way.address}, a temporary floating IP"]
    first, again, by_hand, then, last = login_lines(REVIEW.verify, way, [ED25519])
    assert "has been removed" in first
    assert again.strip() == "openstack --os-cloud fake floating ip create --port port-1 public"
    assert by_hand.endswith("nixos@ADDRESS")
    assert then == "  and this removes it afterwards, which nothing else does:"
    assert last == "  openstack --os-cloud fake floating ip delete ADDRESS"


def test_no_way_leads_to_udp(small: SmallCloud) -> None:
    ports = [*REVIEW.verify.ports, Port(port=51820, protocol="udp")]
    request = replace(REVIEW, verify=replace(REVIEW.verify, ports=ports))
    assert go(small, request).ports == SAME


@pytest.mark.parametrize("failure", [KeyboardInterrupt, FlakeshipError, OSError])
def test_it_goes_whatever_happens(small: SmallCloud, failure: type[BaseException]) -> None:
    small.refusals = {"DELETE": (2, 503, "busy")}
    at = port.find(small, "web", "port-1")  # type: ignore[arg-type]
    with pytest.raises(failure), access.open_route(small, REVIEW, at, str):  # type: ignore[arg-type]
        raise failure("x")
    assert not small.things["floatingips"]


def test_one_that_cannot_be_removed_is_told(small: SmallCloud) -> None:
    small.refusals = {"DELETE": (99, 503, "busy")}
    with pytest.raises(FlakeshipError) as raised:
        go(small, REVIEW)
    assert raised.value.code == "removal-failed"
    assert raised.value.key.endswith("203.0.113.2")
    assert raised.value.remedy.startswith("try `openstack --os-cloud fake floating ip delete")


@pytest.mark.parametrize("on", ["port-1", None])
def test_what_a_killed_run_has_left_is_taken_over(small: SmallCloud, on: str | None) -> None:
    left = small.floating(description=MINE, port_id=on)
    way = go(small, REVIEW)
    assert way.address == left["floating_ip_address"]
    assert not small.things["floatingips"]
    assert not [call for call in small.calls if call.startswith("POST")]


def test_what_belongs_to_others_stays(small: SmallCloud) -> None:
    small.floating(description=MINE, port_id="port-of-a-server-that-is-verified-now")
    by_hand = small.floating(port_id="port-1")
    said: list[str] = []
    assert go(small, REVIEW, said).address == by_hand["floating_ip_address"]
    assert said[0].endswith("which leads to its port already")
    assert len(small.things["floatingips"]) == 2


def test_a_cloud_that_has_no_address_left(small: SmallCloud) -> None:
    quota = "Quota exceeded for resources: ['floatingip']."
    small.refusals = {"POST /floatingips": (1, 409, quota)}
    with pytest.raises(FlakeshipError) as raised:
        go(small, REVIEW)
    assert str(raised.value) == (
        "web-6h0ir2lm-a1: the verification gets no temporary floating IP from the network public: "
        f"{quota} Release one that is not needed (`openstack --os-cloud fake floating "
        "ip list`), ask for more, or let flakeship:openstack.reach be jump or direct"
    )


@pytest.mark.parametrize("wish", ["floating", "bastion", "direct"])
def test_the_stable_address_is_used_once_it_leads_here(small: SmallCloud, wish: Any) -> None:
    stable = small.floating(port_id="port-1")["floating_ip_address"]
    way = go(small, replace(REVIEW, stable=stable, reach=wish, jump=JUMP))
    assert (way.address, way.ports, way.serving) == (stable, SAME, True)
    assert login_lines(REVIEW.verify, way, [])[0].endswith(f"nixos@{stable}")


def test_a_stable_address_that_leads_elsewhere_is_not_used(small: SmallCloud) -> None:
    stable = small.floating(port_id="port-of-the-active-server")["floating_ip_address"]
    way = go(small, replace(REVIEW, stable=stable))
    assert way.address != stable
    assert not way.serving


def test_directly(small: SmallCloud) -> None:
    way = go(small, replace(REVIEW, reach="direct"))
    assert (way.address, way.ports, way.own) == ("10.0.2.15", SAME, True)
    assert not [call for call in small.calls if "floating" in call]


@pytest.mark.usefixtures("jump")
def test_through_the_active_server(small: SmallCloud) -> None:
    said: list[str] = []
    way = go(small, replace(REVIEW, reach="bastion", jump=JUMP), said)
    assert (way.address, way.ports, way.own) == ("127.0.0.1", {22: 1022, 80: 1080}, False)
    assert said == [f"{REVIEW.machine}: looked at through web-old"]
    assert not [call for call in small.calls if "floating" in call]
    (line,) = login_lines(REVIEW.verify, way, [ED25519])
    assert "ProxyCommand=ssh" in line
    assert "nixos@203.0.113.9 -W 10.0.2.15:22' nixos@10.0.2.15" in line


def test_the_first_server_has_nobody_to_go_through(small: SmallCloud) -> None:
    said: list[str] = []
    assert go(small, replace(REVIEW, reach="bastion"), said).address == "203.0.113.2"
    assert said[0] == f"{REVIEW.machine}: there is no active server to go through yet"


@pytest.mark.usefixtures("jump")
def test_a_restricted_port_22_is_not_gone_to_from_inside(small: SmallCloud) -> None:
    said: list[str] = []
    request = replace(REVIEW, reach="bastion", jump=JUMP, restricted=[22])
    assert go(small, request, said).address == "203.0.113.2"
    assert "web-old cannot be gone through: tcp 22 is not open to everybody" in said[0]
    assert go(small, replace(request, restricted=[80])).address == "127.0.0.1"


@pytest.mark.parametrize(
    "error",
    [connection.UnreachableError, connection.LoginRefusedError, connection.HostKeyRefusedError],
)
def test_an_active_server_that_cannot_be_used(
    small: SmallCloud, jump: type[Login], error: type[FlakeshipError]
) -> None:
    jump.refusal = error("no route")
    said: list[str] = []
    assert go(small, replace(REVIEW, reach="bastion", jump=JUMP), said).address == "203.0.113.2"
    assert said[0] == f"{REVIEW.machine}: web-old cannot be gone through: no route"


def test_a_port_without_ipv4(small: SmallCloud) -> None:
    small.things["ports"]["port-1"]["fixed_ips"] = []
    with pytest.raises(FlakeshipError, match="its port port-1 has no IPv4 address"):
        go(small, REVIEW)
