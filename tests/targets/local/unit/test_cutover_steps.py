"""The steps of a cutover as values: their order, and what takes each of them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from flakeship.targets.local.cutover_steps import (
    Action,
    AttachDisk,
    CheckDataDisks,
    DetachDisk,
    Forward,
    RestoreSnapshot,
    SetActive,
    SetGeneration,
    SetSshHost,
    Situation,
    Step,
    TakeSnapshot,
    steps,
)
from flakeship.targets.local.machine_state import MachineState
from flakeship.targets.local.ssh_config import SshHost
from tests.targets.local.unit.qemu_world import FILES, cutover_request

OLD, NEW = "web-aaaa-1", "web-bbbb-1"
REQUEST = cutover_request(NEW, generation=7)
PG = FILES.data_disk("web", "pg")
TAKEN = Step(TakeSnapshot(PG, NEW, 1))
RESTORE = RestoreSnapshot(PG, NEW)
ATTACH = AttachDisk(NEW, "pg", PG)
FORMER = SshHost("web", OLD, 61021, "nixos", "", ("ssh-ed25519 OLD",))


def state(forwards: Mapping[int, int], disks: Iterable[str] = ()) -> MachineState:
    files = {disk: FILES.data_disk("web", disk) for disk in disks}
    return MachineState(runs=True, forwards=forwards, disks=files)


def found(
    new: MachineState,
    old: MachineState | None = None,
    former: str = OLD,
    lenders: Mapping[int, tuple[str, int]] | None = None,
) -> Situation:
    return Situation(new, old, former, FORMER if former else None, lenders or {})


def moves(situation: Situation, **other: Any) -> list[Step]:
    """The steps before those that every cutover ends with."""
    return steps(cutover_request(NEW, **other), situation)[:-4]


SERVES = state({18080: 80, 18443: 443}, ["pg"])
NOTHING = state({})


def test_a_machine_takes_over_from_another() -> None:
    assert steps(REQUEST, found(NOTHING, SERVES)) == [
        Step(DetachDisk(OLD, "pg"), (AttachDisk(OLD, "pg", PG),)),
        TAKEN,
        Step(ATTACH, (DetachDisk(NEW, "pg"), RESTORE)),
        Step(Forward(OLD, 18080, None), (Forward(OLD, 18080, 80),)),
        Step(Forward(NEW, 18080, 80), (Forward(NEW, 18080, None),)),
        Step(Forward(OLD, 18443, None), (Forward(OLD, 18443, 443),)),
        Step(Forward(NEW, 18443, 443), (Forward(NEW, 18443, None),)),
        Step(SetSshHost("web", REQUEST.host), (SetSshHost("web", FORMER),)),
        Step(SetActive("web", NEW), (SetActive("web", OLD),)),
        Step(CheckDataDisks()),
        Step(SetGeneration("web", 7)),
    ]


def test_the_first_machine_of_a_server() -> None:
    assert steps(REQUEST, found(NOTHING, former="")) == [
        TAKEN,
        Step(ATTACH, (DetachDisk(NEW, "pg"), RESTORE)),
        Step(Forward(NEW, 18080, 80), (Forward(NEW, 18080, None),)),
        Step(Forward(NEW, 18443, 443), (Forward(NEW, 18443, None),)),
        Step(SetSshHost("web", REQUEST.host), (SetSshHost("web", None),)),
        Step(SetActive("web", NEW), (SetActive("web", ""),)),
        Step(CheckDataDisks()),
        Step(SetGeneration("web", 7)),
    ]


def test_the_active_machine_only_mounts_what_it_has() -> None:
    assert moves(found(SERVES, former=NEW)) == [Step(AttachDisk(NEW, "pg", PG))]


def test_what_a_killed_cutover_moved_goes_back_to_the_old_machine() -> None:
    assert moves(found(SERVES, NOTHING)) == [
        Step(ATTACH, (DetachDisk(NEW, "pg"), RESTORE, AttachDisk(OLD, "pg", PG))),
        Step(Forward(NEW, 18080, 80), (Forward(NEW, 18080, None), Forward(OLD, 18080, 80))),
        Step(Forward(NEW, 18443, 443), (Forward(NEW, 18443, None), Forward(OLD, 18443, 443))),
    ]


def test_a_port_is_borrowed_from_another_server() -> None:
    lent = {18080: ("api-aaaa-1", 8080)}
    assert moves(found(NOTHING, former="", lenders=lent), forwards={18080: 80}, data_disks={}) == [
        Step(Forward("api-aaaa-1", 18080, None), (Forward("api-aaaa-1", 18080, 8080),)),
        Step(Forward(NEW, 18080, 80), (Forward(NEW, 18080, None),)),
    ]


def test_what_is_no_longer_declared_is_taken_from_the_active_machine() -> None:
    files = FILES.data_disk("web", "files")
    serves = state({18080: 81, 18443: 443}, ["files"])
    assert moves(found(serves, former=NEW), forwards={18080: 80}, data_disks={}) == [
        Step(DetachDisk(NEW, "files"), (AttachDisk(NEW, "files", files),)),
        Step(Forward(NEW, 18080, 80), (Forward(NEW, 18080, 81),)),
        Step(Forward(NEW, 18443, None), (Forward(NEW, 18443, 443),)),
    ]


def test_an_undeclared_port_of_the_old_machine_is_only_closed() -> None:
    assert moves(found(NOTHING, state({18080: 80})), forwards={}, data_disks={}) == [
        Step(Forward(OLD, 18080, None), (Forward(OLD, 18080, 80),)),
    ]


@pytest.mark.parametrize("old", [None, NOTHING])
def test_a_disk_that_no_machine_has_is_attached_and_nothing_else(old: MachineState | None) -> None:
    assert moves(found(NOTHING, old), forwards={}) == [
        TAKEN,
        Step(ATTACH, (DetachDisk(NEW, "pg"), RESTORE)),
    ]


class Model:
    """Machines that only have ports and disks; no two may have the same one."""

    def __init__(self, situation: Situation) -> None:
        self.ports = {NEW: dict(situation.new.forwards), "api-aaaa-1": {}}
        self.disks = {NEW: dict(situation.new.disks)}
        if situation.old:
            self.ports[OLD] = dict(situation.old.forwards)
            self.disks[OLD] = dict(situation.old.disks)
        for port, (lender, guest_port) in situation.lenders.items():
            self.ports[lender] = {port: guest_port}

    def do(self, action: Action) -> None:
        match action:
            case AttachDisk(machine, disk, file):
                assert not any(disk in had for at, had in self.disks.items() if at != machine)
                self.disks[machine][disk] = file
            case DetachDisk(machine, disk):
                self.disks[machine].pop(disk, None)
            case Forward(machine, host_port, None):
                self.ports[machine].pop(host_port, None)
            case Forward(machine, host_port, int(guest_port)):
                assert not any(host_port in p for at, p in self.ports.items() if at != machine)
                self.ports[machine][host_port] = guest_port
            case _:
                pass

    def undo(self, begun: list[Step]) -> None:
        for action in (action for step in reversed(begun) for action in step.undo):
            self.do(action)

    def state(self) -> object:
        return self.ports, self.disks


SITUATIONS = [
    found(NOTHING, SERVES),
    found(SERVES, former=NEW),
    found(state({18080: 81, 18443: 443}, ["files"]), former=NEW),
    found(NOTHING, former="", lenders={18443: ("api-aaaa-1", 1)}),
    found(NOTHING, state({18080: 80}), lenders={18443: ("api-aaaa-1", 1)}),
]
KILLED = found(state({18080: 80}, ["pg"]), state({18443: 443}))


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("last_took_effect", [False, True])
def test_every_interruption_leads_back(situation: Situation, *, last_took_effect: bool) -> None:
    planned = steps(REQUEST, situation)
    for number in range(1, len(planned) + 1):
        begun = planned[:number]
        model = Model(situation)
        for step in begun if last_took_effect else begun[:-1]:
            model.do(step.do)
        model.undo(begun)
        assert model.state() == Model(situation).state()
        model.undo(begun)
        assert model.state() == Model(situation).state()


def test_what_a_killed_run_moved_is_the_old_machines_again() -> None:
    planned, model = steps(REQUEST, KILLED), Model(KILLED)
    for step in planned:
        model.do(step.do)
    model.undo(planned)
    assert model.state() == Model(found(NOTHING, SERVES)).state()


@pytest.mark.parametrize("situation", [*SITUATIONS, KILLED])
def test_the_new_machine_has_everything_in_the_end(situation: Situation) -> None:
    model = Model(situation)
    for step in steps(REQUEST, situation):
        model.do(step.do)
    assert model.ports[NEW] == REQUEST.forwards
    assert model.disks[NEW] == {"pg": PG}
