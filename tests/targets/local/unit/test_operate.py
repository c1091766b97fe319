"""The user's commands on a stack of the target `local`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.state import outputs
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import VERIFICATION, Kind, replacing
from flakeship.state.stack import STACK, Stack
from flakeship.targets.local import verify_machine
from flakeship.targets.local.operate import LocalOperator
from flakeship.targets.local.resources import (
    CUTOVER,
    DATA_DISK,
    MACHINE,
    Cutover,
    DataDiskRequest,
    VerifyMachineRequest,
)
from tests.targets.local.unit.qemu_world import FILES, cutover_request, refusal, request
from tests.unit.verify.machines import REQUEST

WEB, DB = "web-33333333-abcd", "db-pg-33333333-abcd"
PASSED = CheckResult("disk", passed=True, milliseconds=40, detail="exit code 0")


def verification(machine: str) -> VerifyMachineRequest:
    return VerifyMachineRequest(REQUEST, {22: 1}, "10.0.2.0/24", f"{machine}.log")


def resource(kind: Kind, name: str, request: object, result: object = None) -> dict[str, Any]:
    token = f"flakeship:local:{kind.type}"
    return {
        "urn": f"urn:pulumi:dev::flakeship::{token}::{name}",
        "type": token,
        "inputs": codec.plain(request),
        "outputs": {"result": codec.plain(result)} if result else {},
    }


def verified(machine: str) -> dict[str, Any]:
    evidence = Evidence(machine, 1, ["ssh-ed25519 AAAA"], 3.0, [])
    return resource(VERIFICATION, machine, verification(machine), evidence)


def cut_over(server: str, machine: str, checks: Sequence[CheckResult] = ()) -> dict[str, Any]:
    request = cutover_request(machine, server, data_checks=verification(machine))
    done = Cutover(server, machine, "", {}, list(checks))
    return resource(CUTOVER, server, request, done)


def server(machine: str) -> ServerOutput:
    return ServerOutput("local", machine, "r", "127.0.0.1", {}, "", "")


def operator(*resources: dict[str, Any], **servers: str) -> LocalOperator:
    known = {
        "flakeship": outputs.header("local"),
        "running": {"appliance": "appliance-33333333"},
        "servers": {name: server(machine).plain() for name, machine in servers.items()},
    }
    stack = {"urn": "urn:pulumi:dev::flakeship::s::flakeship-dev", "type": STACK, "outputs": known}
    return LocalOperator(Stack("dev", {"resources": [stack, *resources]}))


@pytest.mark.parametrize("name", ["web", WEB])
def test_login_is_by_the_stable_name(name: str) -> None:
    assert operator(web=WEB).login(name) == ["ssh", "-F", ".state/dev/ssh_config", "web"]


def test_nobody_logs_in_or_verifies_where_the_machines_are_not() -> None:
    """Neither 300 s of silence, nor the advice to replace what runs elsewhere."""
    there = "workstation-0123abcd/0123456789ab"
    moved = resource(CUTOVER, "web", cutover_request(WEB, workstation=there))
    started = resource(MACHINE, WEB, request(WEB, workstation=there))
    found = operator(moved, started, verified(WEB), web=WEB)
    assert refusal(lambda: found.login("web")).code == "workstation-mismatch"
    assert "workstation-0123abcd" in str(refusal(found.verify))


def test_a_destroy_names_the_data_disks_that_are_lost() -> None:
    """From the state's resources: a first run that failed has left no outputs."""
    disk = resource(DATA_DISK, "db.pg", DataDiskRequest("dev", "db", "pg", 1024))
    db, web = operator(disk, resource(MACHINE, WEB, request(WEB))).removal()
    assert (web.server, web.gone, web.destroyed) == ("web", (WEB,), ())
    assert (db.server, db.gone) == ("db", ())
    (lost,) = db.destroyed
    assert "pg of db (1024 MiB" in lost


@pytest.mark.parametrize("name", ["mail", "web-22222222-abcd"])
def test_there_is_no_login_to_what_is_not_active(name: str) -> None:
    assert operator(web=WEB).login(name) is None


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[str], str]]:
    """What is verified once more: the console's file, the pinned keys, what a failure means."""
    calls: list[tuple[str, Sequence[str], str]] = []

    def verify(request: VerifyMachineRequest, pinned: Sequence[str], on_failure: str) -> Evidence:
        calls.append((request.console, pinned, on_failure))
        return Evidence(request.verify.machine, 1, [], 1.0, [PASSED])

    monkeypatch.setattr(verify_machine, "verify_machine", verify)
    monkeypatch.setattr(verify_machine, "repeat_data_checks", lambda *_: [PASSED])
    return calls


def test_every_machine_and_every_servers_data_disks_are_verified_again(
    repeated: list[tuple[str, Sequence[str], str]],
) -> None:
    done = operator(verified(WEB), verified(DB), cut_over("web", WEB)).verify()
    assert [each.machine for each in done] == [WEB, DB, "web with its data disks"]
    assert all(each.checks == [PASSED] for each in done)
    # both at once, in any order
    _, (console, pinned, on_failure) = sorted(repeated)
    assert (console, pinned) == (f"{WEB}.log", ["ssh-ed25519 AAAA"])
    assert f"`pulumi up --stack dev {replacing(WEB)}`" in on_failure


@pytest.mark.parametrize("name", ["web", "db-pg"])
def test_one_server_is_verified_alone(
    name: str, repeated: list[tuple[str, Sequence[str], str]]
) -> None:
    found = operator(verified(WEB), verified(DB), cut_over("web", WEB), cut_over("db-pg", DB))
    machine = {"web": WEB, "db-pg": DB}[name]
    done = [each.machine for each in found.verify(name)]
    assert done == [machine, f"{name} with its data disks"]
    assert len(repeated) == 1


def test_each_failure_is_reported(
    monkeypatch: pytest.MonkeyPatch, repeated: list[tuple[str, Sequence[str], str]]
) -> None:
    def fail(*_: object) -> None:
        raise FlakeshipError("broken", key="disk")

    monkeypatch.setattr(verify_machine, "repeat_data_checks", fail)
    found = operator(verified(WEB), cut_over("web", WEB), cut_over("db-pg", DB))
    error = refusal(found.verify)
    assert error.code == "checks-failed"
    assert str(error).split("\n\n") == ["disk: broken", "disk: broken"]
    assert len(repeated) == 1


def test_status_shows_what_the_cutover_checked() -> None:
    found = operator(cut_over("web", WEB, [PASSED]), cut_over("db", DB), web=WEB)
    head, line = found.describe("web", server(WEB))
    assert head.endswith("with its data disks:")
    assert line == "  ✓ disk    0.04 s  exit code 0"
    assert found.describe("db", server(DB)) == []
    assert found.describe("new", server(WEB)) == []


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalOperator:
    """Machines of a stack: one with a resource, one active, and one that a killed run left."""
    monkeypatch.chdir(tmp_path)
    for name in ("web-new", "web-active", "web-left"):
        FILES.machine(name).mkdir(parents=True)
    FILES.active("web").parent.mkdir()
    FILES.active("web").write_text("web-active\n")
    return operator(resource(MACHINE, "web-new", request("web-new")), cut_over("web", "web-new"))


def test_only_machines_without_a_resource_are_swept(left: LocalOperator) -> None:
    assert left.orphans() == ["web-left"]
    assert left.sweep().removed == ["web-left"]
    assert {path.name for path in FILES.machines.iterdir()} == {"web-new", "web-active"}
    assert left.orphans() == left.sweep().removed == []


def test_after_a_destroy_every_machine_is_swept(left: LocalOperator) -> None:
    """Also where the files still name an active machine: no cutover of the state stands for it."""
    assert len(operator().sweep().removed) == 3
    assert left.orphans() == []
    assert not FILES.directory.exists()
