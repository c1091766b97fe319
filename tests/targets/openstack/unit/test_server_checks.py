"""The checks of a server of Nova's: each fails once."""

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.ports import Port
from flakeship.ssh import connection
from flakeship.system.process import Result
from flakeship.targets.openstack.network import port
from flakeship.targets.openstack.requests import VerifyServerRequest
from flakeship.targets.openstack.servers import checks, ipv6_check
from flakeship.targets.openstack.servers.checks import Case
from flakeship.verify import port_scan
from flakeship.verify.checks import facts, outside
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.route import Route
from tests.targets.openstack.unit.small_cloud import JUMP, REVIEW, TOPLEVEL, SmallCloud
from tests.unit.verify.machines import REQUEST, machine

WAY = Route("203.0.113.5", {22: 22, 80: 80}, "10.0.2.0/24")
SIX = "fd66::15"


@pytest.fixture
def case(small: SmallCloud) -> Case:
    at = port.find(small, "web", "port-1")  # type: ignore[arg-type]
    return Case(replace(REVIEW, verify=replace(REQUEST, toplevel=TOPLEVEL)), at, WAY)


def known(**sections: str) -> Future[facts.Facts]:
    done: Future[facts.Facts] = Future()
    done.set_result(machine(**sections))
    return done


class Shell:
    """A login whose answers are written down."""

    def __init__(self, *results: Result | Exception) -> None:
        self.results = list(results)
        self.commands: list[str] = []

    def run(self, command: str, **_: Any) -> Result:
        self.commands.append(command)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def api(small: SmallCloud, case: Case) -> str:
    return checks.api(small, small, case)  # type: ignore[arg-type]


def test_the_api_agrees(small: SmallCloud, case: Case) -> None:
    assert api(small, case) == "ACTIVE, s1.tiny, image image-1, 10.0.2.15 on port port-1"


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
def test_the_api_differs(small: SmallCloud, case: Case, changed: Any, said: str) -> None:
    small.things["servers"]["server-1"].update(changed)
    with pytest.raises(Failed, match=f"^{said}$"):
        api(small, case)


def test_the_port_belongs_to_another(small: SmallCloud, case: Case) -> None:
    small.things["ports"]["port-1"]["device_id"] = "server-0"
    with pytest.raises(Failed, match="the server of its port is server-0, not server-1"):
        api(small, case)


def test_an_api_that_does_not_tell(small: SmallCloud, case: Case) -> None:
    del small.things["servers"]["server-1"]
    with pytest.raises(Failed, match="the API does not tell: no server-1"):
        api(small, case)


def asking(case: Case, ports: list[Port]) -> VerifyServerRequest:
    return replace(case.request, verify=replace(case.request.verify, ports=ports))


def scanned(case: Case) -> str:
    return checks.port_scan(case, Shell(), known())


def test_a_scan_by_the_neighbour(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {22, 80}
    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", lambda *_: seen)
    with_peer = replace(case, request=replace(REVIEW, jump=JUMP))
    assert scanned(with_peer).endswith("others; seen from web-old, its neighbour")
    seen.add(9999)
    with pytest.raises(Failed, match="open, but not declared: tcp 9999"):
        scanned(with_peer)


def test_a_scan_from_here(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise FlakeshipError("no route")

    monkeypatch.setattr(port_scan, "through", refuse)
    monkeypatch.setattr(port_scan, "scan", lambda dials, *_: {22, 80} if dials else set())
    assert scanned(case).endswith("seen from this machine")
    with_peer = replace(case, request=replace(REVIEW, jump=JUMP))
    assert scanned(with_peer).endswith(
        "seen from this machine, as web-old could not look: no route"
    )
    serving = replace(with_peer, way=replace(WAY, serving=True))
    assert scanned(serving).endswith("seen from this machine")
    with pytest.raises(Failed, match="nobody could look at all its ports, as web-old could not"):
        scanned(replace(with_peer, way=replace(WAY, own=False)))


def test_the_scan_is_of_tcp(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        Port(port=80, protocol="http"),
        Port(port=51820, protocol="udp"),
        Port(port=9999, protocol="udp", needs_data=True),
    ]
    with_udp = replace(case, request=asking(case, ports))
    monkeypatch.setattr(port_scan, "scan", lambda _, expected, __: expected)
    assert scanned(with_udp).startswith("tcp 22, 80, and none of")
    for number in (51820, 9999):
        monkeypatch.setattr(port_scan, "scan", lambda *_, seen=number: {22, 80, seen})
        with pytest.raises(Failed, match=f"open, but not declared: tcp {number}"):
            scanned(with_udp)


def restricted(case: Case, *ports: int) -> Case:
    request = asking(case, [Port(port=80, protocol="http"), Port(port=5432)])
    return replace(case, request=replace(request, jump=JUMP, restricted=[*ports]))


@pytest.mark.parametrize("seen", [{22, 80}, {22, 80, 5432}])
def test_restricted_ports_may_be_closed_to_a_neighbour(
    case: Case, monkeypatch: pytest.MonkeyPatch, seen: set[int]
) -> None:
    expected: list[set[int]] = []

    def look(_: object, ports: set[int], __: object) -> set[int]:
        expected.append(ports)
        return seen

    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", look)
    assert scanned(restricted(case, 5432)).endswith(
        "others (not expected: tcp 5432, restricted); seen from web-old, its neighbour"
    )
    assert expected == [{22, 80}]
    if 5432 not in seen:
        with pytest.raises(Failed, match="declared, but not open: tcp 5432"):
            scanned(restricted(case))
    seen = seen - {80}
    with pytest.raises(Failed, match="declared, but not open: tcp 80"):
        scanned(restricted(case, 5432))


def test_restricted_ports_are_open_to_us(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_scan, "scan", lambda *_: {22, 80})
    with pytest.raises(Failed, match="declared, but not open: tcp 5432"):
        scanned(restricted(case, 22, 5432))
    monkeypatch.setattr(port_scan, "scan", lambda *_: {22, 80, 5432})
    why = "seen from this machine, as web-old could not look: tcp 22 is not open to everybody"
    assert scanned(restricted(case, 22, 5432)).endswith(why)


def test_a_neighbour_that_forwards_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(dials: list[port_scan.Dial], *_: object) -> set[int]:
        if not dials:
            raise port_scan.BlindError("tcp 22 does not answer")
        return {22, 80}

    monkeypatch.setattr(port_scan, "through", lambda *_: [])
    monkeypatch.setattr(port_scan, "scan", look)
    with_peer = replace(case, request=replace(REVIEW, jump=JUMP))
    assert scanned(with_peer).endswith(
        "from this machine, as web-old could not look: tcp 22 does not answer"
    )
    with pytest.raises(Failed, match=r"nobody could look at all .* tcp 22 does not answer"):
        scanned(replace(with_peer, way=replace(WAY, own=False)))


def switch(case: Case, *results: Result | Exception) -> str:
    return checks.switch(case, Shell(*results), known())


DONE, NOW = Result(0, "", ""), Result(0, f"{TOPLEVEL}\n", "")


def test_an_activation(case: Case) -> None:
    shell = Shell(DONE, NOW)
    assert "the release is still running" in checks.switch(case, shell, known())
    wanted = f"sudo -n {TOPLEVEL}/bin/switch-to-configuration switch"
    assert shell.commands[0] == f"PATH=$PATH:/run/wrappers/bin {wanted}"
    assert switch(replace(case, way=replace(WAY, serving=True))).startswith("skipped: it has the")


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([Result(4, "x", "a\nfailed: web\n"), NOW], "ended with exit code 4: a / failed: web"),
        ([DONE, Result(0, "/nix/store/old\n", "")], "switch` /nix/store/old is running"),
        ([CommandError("too long")], "did not end: too long"),
    ],
)
def test_an_activation_fails(case: Case, results: list[Result | Exception], said: str) -> None:
    with pytest.raises(Failed, match=said):
        switch(case, *results)


@pytest.fixture
def six(case: Case, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(ipv6_check, "SLAAC", 0)
    monkeypatch.setattr(outside, "port", lambda seen, each: f"{seen.address} {each.port}")
    return replace(case, at=replace(case.at, ipv6=(SIX,)))


def sixth(case: Case, *, there: bool = True) -> str:
    address = f"2: ens3:\n    inet6 {SIX if there else 'fe80::15'}/64 scope global dynamic\n"
    return ipv6_check.check(case, Shell(), known(addresses=address))


def knocked(monkeypatch: pytest.MonkeyPatch, error: OSError | None) -> None:
    def knock(*_: object, **__: object) -> None:
        if error:
            raise error

    monkeypatch.setattr("flakeship.system.tcp.exchange", knock)


class Peer:
    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None: ...

    def connect(self, _seconds: float) -> None: ...

    def forward(self, _address: str, number: int) -> int:
        return number + 1000


def test_ipv6(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "Connection", Peer)
    knocked(monkeypatch, None)
    assert sixth(six) == f"{SIX}: tcp 22, 80 answer; seen from this machine"
    knocked(monkeypatch, OSError("No route to host"))
    assert sixth(six).endswith("not looked at: this machine has no way there (No route to host)")
    with_peer = replace(six, request=replace(REVIEW, jump=JUMP))
    assert sixth(with_peer) == f"{SIX}: tcp 22, 80 answer; seen from web-old"


@pytest.mark.parametrize(
    ("error", "said"),
    [(ConnectionRefusedError(), "tcp 22 is refused"), (TimeoutError("t"), "does not answer: t")],
)
def test_ipv6_does_not_answer(
    six: Case, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    knocked(monkeypatch, error)
    with pytest.raises(Failed, match=f"^{SIX}: .*{said}"):
        sixth(replace(six, request=replace(REVIEW, reach="direct")))


def test_restricted_ports_are_not_looked_at_over_ipv6(
    six: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocked(monkeypatch, None)
    assert sixth(restricted(six)).startswith(f"{SIX}: tcp 22, 80, 5432 answer")
    assert sixth(restricted(six, 80)).startswith(f"{SIX}: tcp 22, 5432 answer")
    udp = replace(six, request=asking(six, [Port(port=51820, protocol="udp")]))
    assert sixth(udp).startswith(f"{SIX}: tcp 22 answer")
    knocked(monkeypatch, TimeoutError("t"))
    direct = replace(restricted(six, 22).request, reach="direct", jump=None)
    assert sixth(replace(six, request=direct)).endswith("tcp 22 is not open to everybody")


def test_a_port_that_does_not_answer_over_ipv6(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise Failed("no http within 10 s")

    knocked(monkeypatch, None)
    monkeypatch.setattr(outside, "port", fail)
    with pytest.raises(Failed, match="no http within 10 s"):
        sixth(six)


def test_an_ipv6_address_that_is_not_set(six: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    old = machine(addresses="2: ens3:\n    inet6 fe80::15/64 scope link\n")
    monkeypatch.setattr(facts, "probe", lambda *_: old)
    with pytest.raises(Failed, match=f"{SIX} is not set, but fe80::15"):
        sixth(six, there=False)
