"""What a preview says before anything happens: who is down, what goes, which port is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from flakeship.config.server import AnyServer
from flakeship.config.settings import AnySettings
from flakeship.model.errors import SettingError
from flakeship.targets.local import port_moves, preflight
from flakeship.targets.local.machine_record import MachineRecord, save
from flakeship.targets.local.plan import Machine, plan
from tests.unit.model.test_ledger import release

MACHINES = Path(".state/dev/machines")


@pytest.fixture(autouse=True)
def _in_an_empty_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(**given: object) -> list[Machine]:
    server = AnyServer.model_validate({"name": "web"} | given)
    settings = AnySettings.model_construct(servers=[server], boot_timeout=60)
    return plan(settings, {"appliance": release(1)}, "dev", "", {})


def died(machine: str) -> None:
    save(MACHINES / machine, MachineRecord(machine, 1, "tcg", {22: 1}, ""))


def test_nothing_to_say_of_a_new_server() -> None:
    assert preflight.warnings(planned(), {}) == []


def test_a_dead_machine_is_named() -> None:
    (web,) = planned()
    died(web.id)
    (said,) = preflight.warnings([web], {})
    assert said == f"web is not running ({web.id}): `up` starts it again"


def test_a_dead_machine_that_a_new_release_is_to_follow_is_named() -> None:
    died("web-old")
    active = Path(".state/dev/active/web")
    active.parent.mkdir(parents=True)
    active.write_text("web-old\n")
    (said,) = preflight.warnings(planned(), {})
    assert said.startswith("web is down: web-old is not running.")


def test_data_that_would_be_lost_is_named() -> None:
    before = {"web": {"data": {"pg": 64, "files": 64}}, "old": {"data": {"x": 1}}}
    assert preflight.warnings(planned(data_disks={"pg": "64M"}), before) == [
        "the data disk files of web goes, with all that is on it",
        "the data disk x of old goes, with all that is on it",
    ]


def test_a_port_that_somebody_holds_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        web = planned(ports=[{"port": 80, "hostPort": port}])
        with pytest.raises(
            SettingError, match=rf"the port {port} of this machine, declared by web"
        ):
            preflight.warnings(web, {})
        lender = port_moves.Lender(MACHINES / "old", 80)
        monkeypatch.setattr(port_moves, "everybodys", lambda _: {port: lender})
        assert preflight.warnings(web, {}) == []
