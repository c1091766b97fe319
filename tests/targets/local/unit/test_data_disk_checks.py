"""What needs the data disks is checked when they have moved."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.checks import Check
from flakeship.model.ports import Port
from flakeship.system.process import Result
from flakeship.targets.local import cutover, guest, qemu_process, verify_machine
from flakeship.targets.local.resources import Cutover, CutoverRequest, VerifyMachineRequest
from tests.targets.local.unit.qemu_world import World, cutover_request, refusal, world
from tests.unit.verify.machines import REQUEST, http, recorded, says, server

OLD, NEW = "web-aaaa-1", "web-bbbb-1"
PG = Check(name="schema", run="mounted pg", needs_data=True, timeout=0.1)
LOST = PG.model_copy(update={"name": "lost", "run": "mounted lost"})


class Guest:
    """A login on a machine: its listeners, and how often a command fails first."""

    def __init__(self, probe: str = "", failures: int = 0) -> None:
        self.probe = probe or recorded("probe.txt")
        self.failures = failures

    def run(self, command: str, **_: Any) -> Result:
        if command.startswith("sh -c"):
            return Result(0, self.probe, "")
        self.failures -= 1
        return Result(int(self.failures >= 0), "", "")


def asking(reach: dict[int, int] | None = None, **changed: Any) -> VerifyMachineRequest:
    """A request whose guest ports have these host ports."""
    request = replace(REQUEST, **changed)
    return VerifyMachineRequest(request, reach or {22: 1}, "10.0.2.0/24", "console.log")


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu_process, "state", lambda _: "running")


@pytest.fixture
def verification() -> Iterator[VerifyMachineRequest]:
    with server(http("200 OK", "")) as number:
        ports = [Port(port=22, protocol="ssh"), Port(port=80, protocol="http", needs_data=True)]
        yield asking({22: 1, 80: number}, ports=ports, checks=[PG])


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """An active old machine and a verified new one."""
    with world(monkeypatch, tmp_path) as made:
        made.add(OLD)
        run(OLD)
        made.add(NEW)
        made.steps.clear()
        yield made


def run(machine: str, *checks: Check) -> Cutover:
    wanted = asking(machine=machine, checks=list(checks)) if checks else None
    return cutover.cutover(cutover_request(machine, data_checks=wanted))


def failed(details: Sequence[str]) -> dict[str, str]:
    """The failed checks of a report."""
    found = [re.fullmatch(r"  ✗ ([\w-]+): (.*)", line) for line in details]
    return {match[1]: match[2] for match in found if match}


def test_the_evidence(verification: VerifyMachineRequest) -> None:
    checks = verify_machine.check_data(verification, Guest())
    assert [check.name for check in checks] == ["port-80", "listeners", "schema"]
    assert all(check.passed for check in checks)


def test_only_what_needs_the_disks_is_checked(verification: VerifyMachineRequest) -> None:
    with server(says(b"no web")) as other:
        ports = [*verification.verify.ports, Port(port=81, protocol="http")]
        both = replace(
            verification,
            verify=replace(verification.verify, ports=ports),
            ports=verification.ports | {81: other},
        )
        error = refusal(lambda: verify_machine.check_data(both, Guest()))
    assert failed(error.details).keys() == {"listeners"}
    assert "tcp 81" in failed(error.details)["listeners"]


def test_udp_is_waited_for_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [*REQUEST.ports, Port(port=51820, protocol="udp", needs_data=True)]
    request, login = asking(ports=ports), Guest()
    monkeypatch.setattr(verify_machine, "PATIENCE", 0.1)
    error = refusal(lambda: verify_machine.check_data(request, login))
    assert "udp 51820" in failed(error.details)["listeners"]
    monkeypatch.setattr(verify_machine, "PATIENCE", 5)
    late = "udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*\n@@@ end listeners"
    probe = recorded("probe.txt")
    probes = iter([probe, probe.replace("\n@@@ end listeners", late)])
    monkeypatch.setattr(Guest, "run", lambda *_, **__: Result(0, next(probes), ""))
    (check,) = verify_machine.check_data(request, login)
    assert "udp 51820" in check.detail


def test_nobody_logs_in_for_nothing(monkeypatch: pytest.MonkeyPatch, simulated: World) -> None:
    simulated.logins.clear()
    run(OLD)
    assert len(simulated.logins) == 1  # to mount the disk
    monkeypatch.setattr(guest, "login", pytest.fail)
    assert verify_machine.repeat_data_checks(cutover_request(OLD)) == []


def test_each_can_fail(monkeypatch: pytest.MonkeyPatch, verification: VerifyMachineRequest) -> None:
    monkeypatch.setattr(verify_machine, "PATIENCE", 0.1)
    silent = "\n".join(line for line in recorded("probe.txt").splitlines() if ":80  " not in line)
    with server(says(b"no web\r\n")) as number:
        wrong = replace(verification, ports={22: 1, 80: number})
        error = refusal(lambda: verify_machine.check_data(wrong, Guest(silent, failures=99)))
    assert (error.code, error.key) == ("checks-failed", REQUEST.machine)
    assert error.what == "3 of 3 checks with data disks failed"
    assert failed(error.details).keys() == {"port-80", "listeners", "schema"}
    assert "console.log" in error.details[-1]


def test_a_command_waits_for_what_starts_with_the_disk(verification: VerifyMachineRequest) -> None:
    checks = [PG.model_copy(update={"timeout": 5})]
    patient = replace(verification, verify=replace(verification.verify, checks=checks))
    assert verify_machine.check_data(patient, Guest(failures=2))[-1].passed


def test_they_run_on_the_machine_that_is_active_by_then(simulated: World) -> None:
    result = run(NEW, PG)
    assert simulated.steps[-4:] == [
        f"ssh_config web = {NEW}",
        f"active = {NEW}",
        f"{NEW}: mounted pg",
        "cutovers = 0",
    ]
    assert [check.name for check in result.checks] == ["listeners", "schema"]


def test_everything_goes_back_when_one_fails(simulated: World) -> None:
    before = simulated.state()
    error = refusal(lambda: run(NEW, PG, LOST))
    assert (error.code, error.key) == ("cutover-failed", "web")
    assert "1 of 3 checks with data disks failed" in error.what
    assert failed(error.details).keys() == {"lost"}
    assert error.details[-1] == f"{OLD} is active as before"
    assert simulated.state() == before


def test_one_that_fails_on_the_active_machine_moves_nothing(simulated: World) -> None:
    before = simulated.state()
    error = refusal(lambda: run(OLD, LOST))
    assert error.details[-1].startswith(f"{OLD} is active as before; there is no former machine")
    assert simulated.state() == before


def test_they_can_be_repeated(simulated: World) -> None:
    state = simulated.state()
    request = cutover_request(OLD, data_checks=asking(machine=OLD, checks=[PG]))
    assert [c.name for c in verify_machine.repeat_data_checks(request)] == ["listeners", "schema"]
    assert simulated.state() == state
    simulated.machines[OLD].mounted.clear()
    error = refusal(lambda: verify_machine.repeat_data_checks(request))
    assert failed(error.details).keys() == {"schema"}


def test_a_request_survives_the_state() -> None:
    text = codec.dump(cutover_request(NEW)).replace('"data_checks": null, ', "")
    assert "data_checks" not in text
    assert codec.parse(CutoverRequest, text) == cutover_request(NEW)
    whole = cutover_request(NEW, data_checks=asking(checks=[PG]))
    assert codec.parse(CutoverRequest, codec.dump(whole)) == whole
