"""What needs the data disks is checked when they have moved."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.checks import Check
from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import Port
from flakeship.state.stack import Stack
from flakeship.system.process import Result
from flakeship.targets.local import cutover, data_disk_checks, guest, host
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.operate import LocalOperator
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from tests.targets.local.unit.qemu_world import World, move, refusal, world
from tests.unit.verify.machines import REQUEST, http, recorded, says, server

OLD, NEW = "web-aaaa-1", "web-bbbb-1"
PG = Check(name="schema", run="mounted pg", needs_data=True, timeout=0.1)
LOST = PG.model_copy(update={"run": "mounted lost"})


class Guest:
    """A login on a machine: what its listeners are, and how often a command fails first."""

    def __init__(self, probe: str = "", failures: int = 0) -> None:
        self.probe = probe or recorded("probe.txt")
        self.failures = failures

    def run(self, command: str, **_: Any) -> Result:
        if command.startswith("sh -c"):
            return Result(0, self.probe, "")
        self.failures -= 1
        return Result(int(self.failures >= 0), "", "")


def asking(reach: dict[int, int] | None = None, **changed: Any) -> VerifyMachineRequest:
    request = replace(REQUEST, **changed)
    return VerifyMachineRequest(request, reach or {22: 1}, "10.0.2.0/24", "console.log")


@pytest.fixture
def request_() -> Iterator[VerifyMachineRequest]:
    with server(http("200 OK", "")) as number:
        ports = [Port(port=22, protocol="ssh"), Port(port=80, protocol="http", needs_data=True)]
        yield asking({22: 1, 80: number}, ports=ports, checks=[PG])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """An active old machine and a verified new one."""
    with world(monkeypatch, tmp_path) as made:
        monkeypatch.setattr(host, "free", lambda _: True)
        made.add(OLD)
        run(made, OLD)
        made.add(NEW)
        made.steps.clear()
        yield made


def run(here: World, machine: str, *checks: Check) -> Cutover:
    wanted = asking(machine=machine, checks=list(checks)) if checks else None
    return cutover.cutover(move(machine, serving=wanted), lambda _: None, here.login)


def test_the_evidence(request_: VerifyMachineRequest) -> None:
    checks = data_disk_checks.check(request_, Guest)
    assert [check.name for check in checks] == ["port-80", "listeners", "schema"]
    assert all(check.passed for check in checks)


def test_only_what_waits_for_data_is_asked(request_: VerifyMachineRequest) -> None:
    with server(says(b"no web")) as other:
        both = asking(
            request_.ports | {81: other},
            ports=[
                Port(port=22, protocol="ssh"),
                Port(port=80, protocol="http", needs_data=True),
                Port(port=81, protocol="http"),
            ],
        )
        with pytest.raises(FlakeshipError) as caught:
            data_disk_checks.check(both, Guest)
    assert "✗ listeners: declared, but nothing listens on tcp 81" in str(caught.value)
    assert "port-81" not in str(caught.value)


def test_udp_is_waited_for_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [*REQUEST.ports, Port(port=51820, protocol="udp", needs_data=True)]
    request, guest = asking(ports=ports), Guest()
    monkeypatch.setattr(data_disk_checks, "PATIENCE", 0.1)
    with pytest.raises(FlakeshipError, match="listeners: declared, but nothing listens on udp 518"):
        data_disk_checks.check(request, lambda: guest)
    monkeypatch.setattr(data_disk_checks, "PATIENCE", 5)
    late = "udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*\n@@@ end listeners"
    probe = recorded("probe.txt")
    probes = iter([probe, probe.replace("\n@@@ end listeners", late)])
    monkeypatch.setattr(Guest, "run", lambda *_, **__: Result(0, next(probes), ""))
    (check,) = data_disk_checks.check(request, lambda: guest)
    assert "udp 51820 (UDP ports are not probed over the network)" in check.detail


def test_nobody_logs_in_for_nothing() -> None:
    assert data_disk_checks.check(None, pytest.fail) == []


def test_each_can_fail(monkeypatch: pytest.MonkeyPatch, request_: VerifyMachineRequest) -> None:
    monkeypatch.setattr(data_disk_checks, "PATIENCE", 0.1)
    silent = "\n".join(line for line in recorded("probe.txt").splitlines() if ":80  " not in line)
    with server(says(b"no web\r\n")) as number:
        wrong = replace(request_, ports={22: 1, 80: number})
        with pytest.raises(FlakeshipError) as caught:
            data_disk_checks.check(wrong, lambda: Guest(silent, failures=99))
    assert (caught.value.code, caught.value.key) == ("checks-failed", REQUEST.machine)
    port, listeners, schema, console = caught.value.details
    assert port.startswith("  ✗ port-80: no http within 0 s; the last error: ")
    assert listeners == "  ✗ listeners: declared, but nothing listens on tcp 80"
    assert schema == "  ✗ schema: not within 0.1 s: `mounted pg` ended with exit code 1"
    assert "console.log" in console


def test_a_command_waits_for_what_starts_with_the_disk(request_: VerifyMachineRequest) -> None:
    asked = replace(request_.verify, checks=[PG.model_copy(update={"timeout": 5})])
    patient = replace(request_, verify=asked)
    assert data_disk_checks.check(patient, lambda: Guest(failures=2))[-1].passed


def test_it_is_the_last_step_of_the_cut_over(here: World) -> None:
    result = run(here, NEW, PG)
    assert here.steps[-3:] == [f"name web = {NEW}", f"active = {NEW}", f"{NEW}: mounted pg"]
    assert [check.name for check in result.checks] == ["listeners", "schema"]


def test_everything_goes_back_when_one_fails(here: World) -> None:
    before = here.state()
    assert refusal(lambda: run(here, NEW, PG, LOST)).splitlines() == [
        f"the cut-over of web to {NEW} failed: {NEW}: 1 of 3 checks with data disks failed",
        "  ✗ schema: not within 0.1 s: `mounted lost` ended with exit code 1",
        f"{NEW} still runs; its console is in console.log.",
        f"{OLD} is active as before",
    ]
    assert here.state() == before


def test_one_that_fails_on_the_active_machine_moves_nothing(here: World) -> None:
    before = here.state()
    said = refusal(lambda: run(here, OLD, LOST))
    assert said.endswith(f"{OLD} was active already and stays so: there is no former machine")
    assert here.state() == before


def test_again_by_make_verify(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "login", here.login)
    state = here.state()
    moved = move(OLD, serving=asking(machine=OLD, checks=[PG]))
    command = {"urn": "x::cutover-web", "type": "t", "inputs": {"stdin": codec.dump(moved)}}
    stack = Stack("dev", {"resources": [{"urn": "x::stack", "type": "t"}, command]})
    (done,) = LocalOperator(stack).verify()
    assert done.machine == "web with its data disks"
    assert done.checks[0].name == "listeners"
    assert here.state() == state
    here.machines[OLD].mounted.clear()
    assert f"{OLD}: 1 of 2 checks with data disks failed" in refusal(
        lambda: LocalOperator(stack).verify()
    )


def test_a_request_of_an_earlier_run_is_read() -> None:
    text = codec.dump(move(NEW)).replace(', "serving": null', "")
    assert "serving" not in text
    assert codec.parse(CutoverRequest, text).serving is None
    whole = move(NEW, serving=asking(checks=[PG]))
    assert codec.parse(CutoverRequest, codec.dump(whole)) == whole
