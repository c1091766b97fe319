"""One inspection reads everything that planning needs, and changes nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.config.server import ServerOptions
from flakeship.config.settings import AnySettings, Settings
from flakeship.release.desired import Desired
from flakeship.system import tcp
from flakeship.targets.local import cutover, qemu_process, workstation
from flakeship.targets.local.inspect import LocalInventory, inspect
from flakeship.targets.local.plan import plan_servers
from flakeship.targets.local.settings import LocalOptions
from tests.targets.local.unit.qemu_world import (
    FILES,
    World,
    cutover_request,
    refusal,
    world,
)
from tests.unit.model.test_ledger import release

WEB, NEXT = "web-11111111-0904", "web-22222222-0904"
PORTS = [{"port": 80, "hostPort": 18080}, {"port": 443, "hostPort": 18443}]


def settings(ports: object = PORTS) -> AnySettings:
    server = {"name": "web", "ports": ports, "dataDisks": {"pg": "64M"}}
    given = {"servers": [server], "flake": "nixpkgs", "host": "appliance"}
    return Settings[LocalOptions, ServerOptions].model_validate(given)


def found(ports: object = PORTS) -> LocalInventory:
    return replace(inspect("dev", settings(ports)), identity=".state/id")


def generation() -> int:
    """The number of the cutover that a plan asks for now."""
    desired = Desired("dev", settings(), {"appliance": release(1)})
    (server,) = plan_servers(desired, found()).servers
    assert server.id == WEB
    return server.generation


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A server whose first cutover is done, and another machine of it."""
    with world(monkeypatch, tmp_path) as made:
        assert generation() == 1
        made.add(WEB)
        made.add(NEXT)
        run(made, WEB, 1)
        yield made


def run(simulated: World, machine: str, number: int) -> None:
    forwards = simulated.machines[machine].forwards
    port = next(host for host, guest in forwards.items() if guest == 22)
    request = cutover_request(machine, generation=number)
    request = replace(request, ssh=replace(request.ssh, port=port))
    cutover.cutover(request)


def test_an_empty_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    empty = replace(found([]), memory=0, cpus=0, free_disk=None)
    assert empty == LocalInventory(workstation.identity(), tmp_path, ".state/id")
    assert [path.name for path in tmp_path.rglob("*")] == [".state", "checkout.id"]


@pytest.mark.parametrize("name", ["a\nb", "${HOME}", "a\tb", "\x1b[2J"])
def test_a_path_that_ssh_cannot_be_given_is_refused_in_the_preview(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    error = refusal(lambda: inspect("dev", settings()))
    assert (error.code, error.key) == ("path-unusable", "the path of this checkout")
    monkeypatch.chdir(tmp_path)
    (tmp_path / name / "id").touch()
    given = settings().model_copy(update={"identity": f"{name}/id"})
    error = refusal(lambda: inspect("dev", given))
    assert (error.code, error.key) == ("path-unusable", "flakeship:identity")
    assert error.given.isprintable()


@pytest.mark.parametrize("name", ["My Projects", "50% #1?", "schlüssel", 'a"b', "~", "a\\b"])
def test_any_other_path_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    assert inspect("dev", settings()).checkout == tmp_path / name


def test_machines_and_servers(simulated: World) -> None:
    state = simulated.state()
    inventory = found()
    web, other = inventory.machines[WEB], inventory.machines[NEXT]
    assert web.record
    assert (web.runs, web.record.id, web.forwards) == (True, WEB, {18080: 80, 18443: 443})
    assert list(web.disks) == ["pg"]
    assert (other.runs, other.forwards, other.disks) == (True, {}, {})
    server = inventory.servers["web"]
    assert (server.active, server.generation, server.pinned) == (WEB, 1, True)
    assert server.ssh_block.startswith("Host web\n")
    assert simulated.state() == state


def test_a_dead_machine_has_its_record_alone(simulated: World) -> None:
    del simulated.machines[WEB]
    state = found().machines[WEB]
    assert state.record
    assert (state.runs, state.forwards, state.disks, state.next_boot) == (False, {}, {}, 2)


def test_what_a_cutover_leaves_is_in_place_and_drift_makes_the_next_one(simulated: World) -> None:
    assert generation() == generation() == 1
    del simulated.machines[WEB].forwards[18080]
    assert generation() == generation() == 2
    run(simulated, WEB, 2)
    assert generation() == 2
    FILES.ssh_config.unlink()
    assert generation() == 3
    run(simulated, WEB, 3)
    assert generation() == 3


@pytest.mark.parametrize("recorded", [False, True], ids=["before its last step", "after it"])
def test_a_killed_cutover_whose_release_is_taken_back_is_noticed(
    simulated: World, *, recorded: bool
) -> None:
    """The state still has the cutover number 1, to the machine that was active before."""
    run(simulated, NEXT, 2)
    if not recorded:
        FILES.generation("web").write_text("1\n")
    number = generation()
    assert number > 1
    run(simulated, WEB, number)
    assert (FILES.active_machine("web"), generation()) == (WEB, number)


def test_a_failed_cutover_keeps_the_number(simulated: World) -> None:
    simulated.fails = {f"active = {NEXT}"}
    with pytest.raises(Exception, match="failed"):
        run(simulated, NEXT, 2)
    assert generation() == 1


def test_remove_forgets_the_number(simulated: World) -> None:
    for machine in simulated.machines.values():
        machine.disks.clear()
    cutover.remove(cutover_request(WEB))
    assert {path.name for path in FILES.directory.iterdir()} == {"machines"}


def test_held_ports_are_those_of_other_processes(
    monkeypatch: pytest.MonkeyPatch, simulated: World
) -> None:
    assert simulated.machines[WEB].forwards[18080] == 80
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setattr(tcp, "is_free", lambda asked: asked == 18443)
        held = found([*PORTS, {"port": 81, "hostPort": port}]).held_ports
    assert held.keys() == {port}
    assert held[port].pid == os.getpid()


def test_machines_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch, simulated: World) -> None:
    both = threading.Barrier(2, timeout=10)

    def exists(directory: Path) -> bool:
        both.wait()
        return directory.name in simulated.machines

    monkeypatch.setattr(qemu_process, "exists", exists)
    assert found().machines.keys() == {WEB, NEXT}
    assert not both.broken
