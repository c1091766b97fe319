"""What another checkout or workstation has is neither changed nor said to be removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.model import codec
from flakeship.state.resources import Kind
from flakeship.state.stack import Stack
from flakeship.targets.local import data_disks, workstation
from flakeship.targets.local.machine_state import MachineRecord
from flakeship.targets.local.operate import LocalOperator
from flakeship.targets.local.resource_types import TYPES
from flakeship.targets.local.resources import CUTOVER, DATA_DISK, MACHINE, DataDiskRequest, MadeDisk
from tests.targets.local.unit.qemu_world import FILES, cutover_request, refusal, request
from tests.targets.local.unit.test_operate import resource


def disk(place: str) -> DataDiskRequest:
    return DataDiskRequest("dev", "web", "pg", 8, place)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Another checkout than the one that is worked in from then on."""
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    found = workstation.identity()
    (tmp_path / "second").mkdir()
    monkeypatch.chdir(tmp_path / "second")
    return found


def test_a_resource_of_another_checkout_is_not_changed(place: str) -> None:
    started = MachineRecord("web-aaaa-1", 1, "kvm", {22: 2222}, place)
    here = workstation.identity()
    for act in (
        lambda: data_disks.ensure(disk(place)),
        lambda: data_disks.delete(disk(place)),
        # a first run that failed has recorded nothing in the outputs
        lambda: TYPES["Machine"].create(request(workstation=here), codec.dump(started)),
        lambda: TYPES["DataDisk"].create(disk(here), codec.dump(MadeDisk(place))),
    ):
        error = refusal(act)
        assert (error.code, error.allowed) == ("checkout-mismatch", place[-12:])
    assert not FILES.directory.exists()


@pytest.mark.parametrize("kind", [CUTOVER, DATA_DISK, MACHINE])
def test_commands_refuse_a_stack_of_another_checkout_that_never_succeeded(
    kind: Kind, place: str
) -> None:
    def stack(where: str) -> LocalOperator:
        asked = {
            CUTOVER: replace(cutover_request("web-aaaa-1"), workstation=where),
            DATA_DISK: disk(where),
            MACHINE: request(workstation=where),
        }
        return LocalOperator(Stack("dev", {"resources": [resource(kind, "web", asked[kind])]}))

    error = refusal(stack(place).refuse_elsewhere)
    assert (error.code, error.allowed) == ("checkout-mismatch", place[-12:])
    stack(workstation.identity()).refuse_elsewhere()


def test_a_disk_is_recorded_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_disks, "ensure", lambda _: None)
    wanted = disk(workstation.identity())
    made = TYPES["DataDisk"].create(wanted, "")
    assert made == MadeDisk(wanted.workstation)
    assert TYPES["DataDisk"].create(wanted, codec.dump(made)) == made
    assert TYPES["DataDisk"].create(wanted, "{}") == made  # of an earlier version
