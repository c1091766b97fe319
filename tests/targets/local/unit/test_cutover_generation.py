"""What a server's name really stands for is looked at; what differs gets the next number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.nix import store
from flakeship.targets.local import cutover, cutover_generation, host
from tests.targets.local.unit.qemu_world import MACHINES, World, move, world

WEB, NEXT = "web-aaaa-1", "web-bbbb-1"
ACTIVE = Path(".state/dev/active/web")
CONFIG = Path(".state/dev/ssh_config")
STANDING = cutover_generation.CutoverState(
    machine=MACHINES / WEB,
    active=ACTIVE,
    ssh_config=CONFIG,
    user="nixos",
    identity=".state/id",
    forwards={18080: 80, 18443: 443},
    disks=["pg"],
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with world(monkeypatch, tmp_path) as made:
        monkeypatch.setattr(host, "free", lambda _: True)
        assert cutover_generation.number(STANDING) == 1
        made.add(WEB)
        made.add(NEXT)
        run(made, WEB, 1)
        assert cutover_generation.number(STANDING) == 1
        yield made


def run(here: World, machine: str, number: int) -> None:
    port = here.machines[machine].forwards
    ssh_port = next(host for host, guest in port.items() if guest == 22)
    request = move(machine, move=number, ssh_port=ssh_port)
    cutover.cutover(request, lambda _: None, here.login)


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DRIFTS: dict[str, Callable[[World], object]] = {
    "nobody is active": lambda _: ACTIVE.unlink(),
    "no name": lambda _: CONFIG.unlink(),
    "another port": lambda _: edited(CONFIG, "Port 61022", "Port 61999"),
    "another directory": lambda _: edited(CONFIG, str(Path.cwd()), "/moved/away"),
    "no host key": lambda _: CONFIG.with_name("known_hosts").write_text(""),
    "a port less": lambda here: here.machines[WEB].forwards.pop(18080),
    "a port more": lambda here: here.machines[WEB].forwards.update({18081: 81}),
    "a port elsewhere": lambda here: here.machines[WEB].forwards.update({18080: 81}),
    "no disk": lambda here: here.machines[WEB].disks.clear(),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_is_seen_put_right_and_seen_no_more(here: World, drift: str) -> None:
    DRIFTS[drift](here)
    state = here.state()
    assert cutover_generation.number(STANDING) == cutover_generation.number(STANDING) == 2
    assert here.state() == state
    run(here, WEB, 2)
    assert cutover_generation.number(STANDING) == 2
    assert cutover_generation.holds(STANDING)


@pytest.mark.parametrize("noted", [False, True], ids=["before its last step", "after it"])
def test_a_killed_cutover_whose_release_is_taken_back_is_seen(here: World, *, noted: bool) -> None:
    """The state still has the cut-over number 1, to the machine that was active before."""
    run(here, NEXT, 2)
    if not noted:
        cutover_generation.note(ACTIVE, 1)
    there = cutover_generation.number(STANDING)
    assert there > 1
    run(here, WEB, there)
    assert (ACTIVE.read_text(), cutover_generation.number(STANDING)) == (f"{WEB}\n", there)


def test_a_moved_checkout_keeps_its_images_again(
    monkeypatch: pytest.MonkeyPatch, here: World
) -> None:
    kept: list[tuple[str, Path]] = []
    monkeypatch.setattr(store, "keep", lambda path, link: kept.append((path, link)))
    image, root = MACHINES / WEB / "image", Path(".state/dev/roots/host-1")
    root.parent.mkdir()
    there = Path.cwd().parent
    for link in (image, root):
        link.symlink_to(there)
    root.with_name("collected").symlink_to("/nix/store/no-image")
    run(here, WEB, 1)
    assert kept == []
    Path("moved").mkdir()
    Path(".state").rename("moved/.state")
    monkeypatch.chdir("moved")
    run(here, WEB, cutover_generation.number(STANDING))
    assert kept == [(str(there), image), (str(there), root)]
    assert cutover_generation.number(STANDING) == 2


def test_a_failed_cutover_keeps_the_number(here: World) -> None:
    here.fails = {f"active = {NEXT}"}
    with pytest.raises(Exception, match="failed"):
        run(here, NEXT, 2)
    assert cutover_generation.number(STANDING) == 1


def test_a_lost_number_is_another_one(here: World) -> None:
    cutover_generation.forget(ACTIVE)
    assert cutover_generation.number(STANDING) == 0
    run(here, WEB, 0)
    assert cutover_generation.number(STANDING) == 0
    assert cutover_generation.number(replace(STANDING, disks=[])) == 1


def test_looking_is_cheap(here: World) -> None:
    started = time.process_time()
    for _ in range(10):
        cutover_generation.number(STANDING)
    assert time.process_time() - started < 0.1
    assert here.machines


def test_remove_forgets_the_number(here: World) -> None:
    for machine in here.machines.values():
        machine.disks.clear()
    cutover.remove(move(WEB))
    assert {path.name for path in Path(".state/dev").iterdir()} == {"machines"}
