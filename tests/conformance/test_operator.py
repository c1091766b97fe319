"""The user's commands on a stack that the target has deployed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.operate import actions, status
from flakeship.state import locks
from flakeship.state.locks import Lock, LockedError
from tests.conformance.stack import Deployed, refusal
from tests.unit.model.test_ledger import release

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

World = Callable[[], set[str]]


@pytest.fixture
def world(deployed: Deployed) -> World:
    """Two releases are deployed, and everything of them exists."""
    deployed.up()
    run = deployed.up(release(2))
    return deployed.case.world(deployed.patch, [*run.resources.values()])


@pytest.mark.usefixtures("world")
def test_the_status_has_every_server_and_the_ledger(deployed: Deployed) -> None:
    text = status.status(deployed.stack)
    for name, server in deployed.last.outputs["servers"].items():
        assert f"\n{name}: {server['ssh']}" in text
    assert f"{release(2).name}, running" in text
    assert release(1).name in text
    assert "orphaned" not in text


@pytest.mark.usefixtures("world")
def test_a_login_leads_to_a_server_or_is_refused_with_the_reason(deployed: Deployed) -> None:
    machine = deployed.stack.outputs.servers["web"].machine
    for name in ("web", machine):
        if error := refusal(partial(actions.login, deployed.stack, name)):
            assert error.code == "login-impossible"
            assert error.remedy
        else:
            assert actions.login(deployed.stack, name)[0] == "ssh"
    with pytest.raises(FlakeshipError) as unknown:
        actions.login(deployed.stack, "wob")
    assert (unknown.value.code, unknown.value.key) == ("server-unknown", "wob")


@pytest.mark.usefixtures("world")
def test_every_machine_is_verified_again_or_those_of_one_server(deployed: Deployed) -> None:
    servers = deployed.stack.outputs.servers
    done = actions.verify(deployed.stack)
    assert {server.machine for server in servers.values()} <= {each.machine for each in done}
    alone = {each.machine for each in actions.verify(deployed.stack, "db")}
    assert servers["db"].machine in alone
    assert servers["web"].machine not in alone


@pytest.mark.usefixtures("world")
def test_a_destroy_names_every_server_and_its_machine(deployed: Deployed) -> None:
    text = actions.removal_text(deployed.stack)
    for name, server in deployed.stack.outputs.servers.items():
        (line,) = [each for each in text.splitlines() if each.startswith(f"{name}: ")]
        assert server.machine in line


def test_a_sweep_spares_what_the_state_holds(deployed: Deployed, world: World) -> None:
    before = world()
    assert before
    assert list(actions.sweep(deployed.stack).removed) == []
    assert world() == before


def test_a_sweep_removes_what_a_killed_run_has_left(deployed: Deployed, world: World) -> None:
    before = world()
    orphan = deployed.case.orphan(deployed.stack)
    assert world() == before | {orphan}
    assert actions.sweep(deployed.stack).removed
    assert world() == before


def test_a_sweep_waits_for_a_run_under_way(
    deployed: Deployed, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world()
    deployed.case.orphan(deployed.stack)
    # it evaluates or builds, so that nothing is pending
    monkeypatch.setattr(locks, "held", lambda *_: [Lock(12, "me", "two")])
    with pytest.raises(LockedError):
        actions.sweep(deployed.stack)
    assert world() > before
