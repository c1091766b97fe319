"""The checks of a server of Nova's: each fails once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from flakeship.model.ports import Port
from flakeship.ssh import connection
from flakeship.ssh.options import Endpoint
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.requests import Bastion, OwnBastion, VerifyServerRequest
from flakeship.targets.openstack.servers import checks
from flakeship.verify.checks import outside, probe
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import Route
from tests.targets.openstack.unit.fake_cloud import Cloud, server
from tests.targets.openstack.unit.samples import BASTION, REQUEST, TOPLEVEL
from tests.unit.verify.machines import ED25519, machine, subject
from tests.unit.verify.machines import REQUEST as VERIFY

ROUTE = Route("203.0.113.5", {22: 22, 80: 80}, "10.0.2.0/24")
SIX = "fd66::15"
GATE = OwnBastion("bastion", "2001:db8::7", "alice", [ED25519], 22, "")


@dataclass(frozen=True)
class Case:
    """A server that is verified, and its port."""

    request: VerifyServerRequest
    at: port.Port


@pytest.fixture
def case(memory: Cloud) -> Case:
    at = port.find(memory.network, "web", "port-1")
    return Case(replace(REQUEST, verify=replace(VERIFY, toplevel=TOPLEVEL)), at)


def api(memory: Cloud, case: Case) -> str:
    return checks.api(memory.compute, memory.network, case.request, case.at)


def test_the_api_agrees(memory: Cloud, case: Case) -> None:
    memory.calls.clear()
    assert api(memory, case) == "ACTIVE, s1.tiny, image image-1, 10.0.2.15 on port port-1"
    assert len(memory.calls) == 2  # the server and its port


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": "SHUTOFF"}, "the status is SHUTOFF, not ACTIVE"),
        ({"flavor": {"original_name": "m1.big"}}, "the flavor is m1.big, not s1.tiny"),
        ({"image": {"id": "image-0"}}, "the image is image-0, not image-1"),
        ({"image": ""}, "the image is none, but a volume, not image-1"),
        ({"addresses": {}}, "10.0.2.15 is not among its addresses: none"),
    ],
)
def test_the_api_differs(memory: Cloud, case: Case, changed: Any, said: str) -> None:
    memory.things["servers"]["server-1"].update(changed)
    with pytest.raises(Failed, match=f"^{said}$"):
        api(memory, case)


def test_the_port_belongs_to_another(memory: Cloud, case: Case) -> None:
    memory.things["ports"]["port-1"]["device_id"] = "server-0"
    with pytest.raises(Failed, match="the server of its port is server-0, not server-1"):
        api(memory, case)


def test_an_api_that_does_not_answer(memory: Cloud, case: Case) -> None:
    del memory.things["servers"]["server-1"]
    with pytest.raises(Failed, match="the API does not answer: no server-1"):
        api(memory, case)


def asking(case: Case, ports: list[Port]) -> VerifyServerRequest:
    return replace(case.request, verify=replace(case.request.verify, ports=ports))


def restricted(case: Case, *ports: int) -> Case:
    request = asking(case, [Port(port=80, protocol="http"), Port(port=5432)])
    return replace(case, request=replace(request, bastion=BASTION, restricted=[*ports]))


@pytest.fixture
def six(case: Case, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(checks, "SLAAC", 0)
    monkeypatch.setattr(outside, "answers_on", lambda seen, each, _: f"{seen.address} {each.port}")
    return replace(case, at=replace(case.at, ipv6=(SIX,)))


def sixth(case: Case, *, there: bool = True) -> str:
    address = f"2: ens3:\n    inet6 {SIX if there else 'fe80::15'}/64 scope global dynamic\n"
    reported = machine(addresses=address)
    seen = subject(reported, case.request.verify, ROUTE)
    return checks.ipv6(case.request, case.at, seen)


def knocked(monkeypatch: pytest.MonkeyPatch, error: OSError | None) -> None:
    def knock(*_: object, **__: object) -> None:
        if error:
            raise error

    monkeypatch.setattr("flakeship.system.tcp.exchange", knock)


class Peer:
    forward_faults: Sequence[str] = ()

    def __init__(self, endpoint: Endpoint, _: object) -> None:
        self.name = endpoint.name

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None: ...

    def connect(self, seconds: float, *, up: bool) -> None:
        assert (seconds, up) == ((30, True) if self.name == "bastion" else (10, False))

    def forward(self, _address: str, number: int) -> int:
        return number + 1000


def test_ipv6(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "Connection", Peer)
    knocked(monkeypatch, None)
    assert sixth(six) == f"{SIX}: tcp 22, 80 answer; seen from this machine"
    knocked(monkeypatch, OSError("No route to host"))
    assert sixth(six).endswith("not probed: the workstation has no route to it (No route to host)")
    with_peer = replace(six, request=replace(REQUEST, bastion=BASTION))
    assert sixth(with_peer) == f"{SIX}: tcp 22, 80 answer; seen from web-old"
    with_own = replace(six, request=replace(REQUEST, bastion=GATE))
    assert sixth(with_own) == f"{SIX}: tcp 22, 80 answer; seen from bastion"


@pytest.mark.parametrize(
    ("error", "said"),
    [(ConnectionRefusedError(), "tcp 22 is refused"), (TimeoutError("t"), "does not answer: t")],
)
def test_ipv6_does_not_answer(
    six: Case, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    knocked(monkeypatch, error)
    with pytest.raises(Failed, match=f"^{SIX}: .*{said}"):
        sixth(replace(six, request=replace(REQUEST, access="direct")))


def test_restricted_ports_are_not_probed_over_ipv6(
    six: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocked(monkeypatch, None)
    assert sixth(restricted(six)).startswith(f"{SIX}: tcp 22, 80, 5432 answer")
    assert sixth(restricted(six, 80)).startswith(f"{SIX}: tcp 22, 5432 answer")
    udp = replace(six, request=asking(six, [Port(port=51820, protocol="udp")]))
    assert sixth(udp).startswith(f"{SIX}: tcp 22 answer")
    knocked(monkeypatch, TimeoutError("t"))
    direct = replace(restricted(six, 22).request, access="direct", bastion=None)
    assert sixth(replace(six, request=direct)).endswith("port 22 is restricted")


def test_a_port_that_does_not_answer_over_ipv6(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise Failed("no http within 10 s")

    knocked(monkeypatch, None)
    monkeypatch.setattr(outside, "answers_on", fail)
    with pytest.raises(Failed, match="no http within 10 s"):
        sixth(six)


FORBIDDEN = "administratively prohibited: open failed"


@pytest.mark.parametrize(
    ("silent", "faults", "fails"),
    [
        (22, ["x", "connect failed: Network is unreachable"], False),
        (22, ["connect failed: No route to host"], False),
        (22, ["connect failed: open failed"], False),
        (22, [FORBIDDEN], False),
        (80, [FORBIDDEN], False),
        (22, ["connect failed: No route to host", "connect failed: Connection refused"], True),
        (22, [], True),
        (80, ["connect failed: No route to host"], True),
        (80, ["connect failed: Connection refused"], True),
    ],
)
@pytest.mark.parametrize("bastion", [GATE, BASTION])
def test_a_bastion_without_a_way_to_ipv6_is_no_fault_of_the_server(
    six: Case,
    monkeypatch: pytest.MonkeyPatch,
    silent: int,
    faults: list[str],
    bastion: Bastion,
    *,
    fails: bool,
) -> None:
    def answer(_: Route, each: Port, __: float) -> str:
        if each.port == silent:
            raise Failed("closed the connection")
        return "answers"

    monkeypatch.setattr(connection, "Connection", Peer)
    monkeypatch.setattr(Peer, "forward_faults", faults)
    monkeypatch.setattr(outside, "answers_on", answer)
    knocked(monkeypatch, OSError("Network is unreachable"))
    case = replace(six, request=replace(REQUEST, bastion=bastion))
    if fails:
        with pytest.raises(Failed, match="closed the connection"):
            sixth(case)
    else:
        said = f"not probed: the bastion {bastion.name} has no route to it ({faults[-1]})"
        assert sixth(case) == f"{SIX} is set; {said}"


def test_an_ipv6_address_that_is_not_set(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    old = machine(addresses="2: ens3:\n    inet6 fe80::15/64 scope link\n")
    monkeypatch.setattr(probe, "run", lambda *_: old)
    with pytest.raises(Failed, match=f"{SIX} is not set, but fe80::15"):
        sixth(six, there=False)


@pytest.mark.parametrize(
    ("policy", "hosts", "fails", "word"),
    [
        ("anti-affinity", ["b", "c"], False, "on another host than the 2 others"),
        ("anti-affinity", ["a", "c"], True, "on the same host as other-0"),
        ("soft-anti-affinity", ["a", "c"], False, "on the same host as other-0"),
        ("soft-anti-affinity", ["a", "a"], False, "other-0, other-1"),
        ("anti-affinity", [], False, "the 0 others"),
    ],
)
def test_the_hosts_of_a_group_are_compared(
    memory: Cloud, case: Case, policy: Any, hosts: list[str], word: str, *, fails: bool
) -> None:
    memory.things["servers"]["server-1"]["hostId"] = "a" * 56
    for number, host in enumerate(hosts):
        memory.put("servers", server(f"other-{number}", name=f"other-{number}", hostId=host * 56))
    members = ["server-1", *(f"other-{number}" for number in range(len(hosts)))]
    memory.put("server_groups", {"id": "g", "name": "dev-web", "members": members})
    memory.put("server_groups", {"id": "h", "name": "theirs", "members": ["x"]})
    placed = replace(case, request=replace(case.request, placement=policy))
    if fails:
        with pytest.raises(Failed, match=word):
            api(memory, placed)
    else:
        assert word in api(memory, placed)


def test_a_member_that_is_gone_is_on_no_host(memory: Cloud, case: Case) -> None:
    memory.things["servers"]["server-1"]["hostId"] = "a"
    memory.put("server_groups", {"id": "g", "name": "g", "members": ["server-1", "gone"]})
    placed = replace(case, request=replace(case.request, placement="anti-affinity"))
    assert "on another host" in api(memory, placed)


def test_a_server_outside_of_its_group_fails(memory: Cloud, case: Case) -> None:
    memory.things["servers"]["server-1"]["hostId"] = "a"
    placed = replace(case, request=replace(case.request, placement="anti-affinity"))
    with pytest.raises(Failed, match="no server group"):
        api(memory, placed)
