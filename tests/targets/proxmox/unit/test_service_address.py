"""A service address moves to the active machine, is never on two, and goes back where it fails."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.system.process import Result
from flakeship.targets.proxmox.cutover import guest
from flakeship.targets.proxmox.cutover.cutover import check_active, cut_over, remove
from flakeship.targets.proxmox.requests import Cutover
from tests.targets.proxmox.unit.guests import (
    ADDRESS,
    NEW,
    OLD,
    OTHER,
    Machine,
    Network,
    after,
    mac,
    machine,
    refused,
    request,
)


def test_the_first_cutover_gives_the_address(network: Network) -> None:
    found = cut_over(request(1), "")
    assert network.changes == [f"{OLD} has {ADDRESS}"]
    assert found == Cutover(machine(1), ADDRESS, None, ["10.7.0.9"])


def test_it_goes_from_the_old_machine_to_the_new_one(network: Network) -> None:
    network.put(OLD, ADDRESS)
    cut_over(request(2), after(1))
    assert network.changes[1:] == [f"{OLD} drops {ADDRESS}", f"{NEW} has {ADDRESS}"]


def test_twice_is_as_once(network: Network) -> None:
    network.put(OLD, ADDRESS)
    first = cut_over(request(2), after(1))
    changes = [*network.changes]
    # killed before the engine has saved it, and then a run as usual
    assert cut_over(request(2), after(1)) == first
    assert cut_over(request(2), codec.dump(first)) == first
    assert network.changes == changes


def test_a_killed_cutover_that_left_it_nowhere_is_completed(network: Network) -> None:
    cut_over(request(2), after(1))
    assert network.stored == {NEW: ADDRESS}


def test_what_the_active_machine_has_lost_is_restored(network: Network) -> None:
    cut_over(request(1), after(1))
    assert network.stored == {OLD: ADDRESS}


@pytest.mark.parametrize("number", [1, 2])
def test_another_address_takes_the_place_of_the_former_one(network: Network, number: int) -> None:
    network.put(OLD, ADDRESS)
    cut_over(request(number, OTHER), after(1))
    assert network.stored == {machine(number).machine: OTHER}


@pytest.mark.parametrize("number", [1, 2])
def test_a_server_without_an_address_any_more(network: Network, number: int) -> None:
    network.put(OLD, ADDRESS)
    found = cut_over(request(number, ""), after(1))
    assert network.stored == {}
    assert found.reached == [machine(number).address]


def test_without_an_address_nobody_logs_in(network: Network) -> None:
    network.off |= {OLD, NEW}
    assert cut_over(request(2, ""), after(1, "")).reached == ["10.7.0.12"]


@pytest.mark.parametrize("previous", ["", after(1), after(1, OTHER), after(2)])
def test_an_address_in_use_is_not_taken(network: Network, previous: str) -> None:
    network.strangers[ADDRESS] = "02:aa:aa:aa:aa:aa"
    error = refused(request(2), previous)
    assert (error.code, error.key) == ("address-in-use", ADDRESS)
    assert "02:aa:aa:aa:aa:aa" in error.what
    assert network.changes == []


def test_a_server_that_has_no_such_address_is_no_excuse(network: Network) -> None:
    """The old machine answers for it, but it is not the service address it has."""
    network.put(OLD, ADDRESS)
    error = refused(request(2), after(1, ""))
    assert error.code == "address-in-use"
    assert network.stored == {OLD: ADDRESS}


@pytest.mark.parametrize(
    ("broken", "half"),
    [
        ({(NEW, "set")}, set()),
        (set(), {(NEW, "set")}),
        ({(OLD, "drop")}, set()),
        (set(), {(OLD, "drop")}),
    ],
    ids=["set fails", "set ends badly", "drop fails", "drop ends badly"],
)
@pytest.mark.parametrize("wanted", [ADDRESS, OTHER])
def test_where_it_fails_the_old_machine_has_it(
    network: Network, broken: set[tuple[str, str]], half: set[tuple[str, str]], wanted: str
) -> None:
    network.put(OLD, ADDRESS)
    network.broken, network.half = broken, half
    error = refused(request(2, wanted), after(1))
    assert network.stored == {OLD: ADDRESS}
    assert (error.code, error.key) == ("cutover-failed", "web")
    assert f"{OLD} is active as before" in error.details
    # and the next run, without the fault, converges
    network.broken, network.half = set(), set()
    cut_over(request(2, wanted), after(1))
    assert network.stored == {NEW: wanted}


@pytest.mark.parametrize("unready", [(NEW, "set"), (OLD, "drop")])
def test_what_cannot_be_prepared_moves_nothing(network: Network, unready: tuple[str, str]) -> None:
    """And there is nothing to undo, which would fail too."""
    network.put(OLD, ADDRESS)
    network.unready = {unready}
    network.broken = {(NEW, "drop")}
    changes = [*network.changes]
    error = refused(request(2), after(1))
    assert (error.code, error.key) == ("service-address-failed", unready[0])
    assert network.changes == changes


def test_another_address_that_fails_leaves_the_former_one(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.put(OLD, ADDRESS)
    plain = Machine.said

    def fails(self: Machine, what: str, address: str = "") -> str:
        said = plain(self, what, address)
        if what == "set" and address == OTHER:
            raise FlakeshipError("no")
        return said

    monkeypatch.setattr(Machine, "said", fails)
    assert refused(request(1, OTHER), after(1)).code == "cutover-failed"
    assert network.stored == {OLD: ADDRESS}


def test_nobody_gives_it_back_while_the_new_machine_may_have_it(network: Network) -> None:
    network.put(OLD, ADDRESS)
    network.half, network.broken = {(NEW, "set")}, {(NEW, "drop")}
    error = refused(request(2), after(1))
    assert error.code == "rollback-failed"
    assert network.stored == {NEW: ADDRESS}


def test_an_interruption_undoes_it_too(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    network.put(OLD, ADDRESS)
    plain = Machine.act

    def interrupted(self: Machine, *words: str) -> str:
        said = plain(self, *words)
        if (self.name, words[0]) == (NEW, "set"):
            raise KeyboardInterrupt
        return said

    monkeypatch.setattr(Machine, "act", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cut_over(request(2), after(1))
    assert network.stored == {OLD: ADDRESS}


def test_a_new_machine_that_lets_nobody_in_moves_nothing(network: Network) -> None:
    network.put(OLD, ADDRESS)
    network.off.add(NEW)
    assert refused(request(2), after(1)).code == "ssh-unreachable"
    assert network.stored == {OLD: ADDRESS}


@pytest.mark.usefixtures("network")
def test_a_machine_without_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> Result:
        raise CommandError("failed", 1, f"sudo: {guest.COMMAND}: command not found\n")

    monkeypatch.setattr(Machine, "run", missing)
    error = refused(request(1), "")
    assert (error.code, error.key) == ("service-address-unsupported", OLD)
    assert "nixosModules" in error.remedy


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("answer", ["", "yes", "free here", "02:aa\x1b[2J", "free\nfree"])
def test_an_answer_of_another_shape_is_none(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(Machine, "said", lambda *_: answer)
    error = refused(request(1), "")
    assert error.code == "service-address-failed"
    assert "\x1b" not in str(error)


def test_a_server_that_goes_takes_its_address_with_its_machine(network: Network) -> None:
    network.put(OLD, ADDRESS)
    remove(request(1), after(1))
    remove(request(1), "")
    assert network.stored == {OLD: ADDRESS}


@pytest.mark.usefixtures("network")
def test_it_is_checked_where_it_leads() -> None:
    found = cut_over(request(1), "")
    assert mac(OLD) in check_active(found)
    assert "10.7.0.11" in check_active(replace(found, service_address=""))


@pytest.mark.parametrize("elsewhere", [{}, {NEW: ADDRESS}])
def test_a_lost_address_is_seen(network: Network, elsewhere: dict[str, str]) -> None:
    """Whether nobody has it now, or another machine."""
    found = cut_over(request(1), "")
    network.stored = elsewhere
    with pytest.raises(FlakeshipError) as lost:
        check_active(found)
    assert (lost.value.code, lost.value.key) == ("service-address-lost", OLD)
    assert "pulumi up --replace '**:Cutover::web'" in lost.value.remedy


def test_one_that_leads_to_somebody_else_is_seen(network: Network) -> None:
    """The machine has it, and is not who answers there."""
    found = cut_over(request(1), "")
    network.strangers[ADDRESS] = "02:aa:aa:aa:aa:aa"
    with pytest.raises(FlakeshipError) as caught:
        check_active(found)
    assert caught.value.code == "host-key-refused"


def test_any_kill_converges(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before or after each command: the next run brings it to the new machine."""
    plain = Machine.act

    class KilledError(BaseException):
        pass

    def killed(count: int, *, late: bool) -> None:
        left = [count]

        def act(self: Machine, *words: str) -> str:
            left[0] -= 1
            if left[0] < 0 or (left[0] == 0 and not late):
                raise KilledError
            said = plain(self, *words)
            if left[0] == 0:
                raise KilledError
            return said

        monkeypatch.setattr(Machine, "act", act)
        with suppress(KilledError):
            cut_over(request(2), after(1))
        monkeypatch.setattr(Machine, "act", plain)

    for count in range(1, 5):
        for late in (False, True):
            network.stored = {OLD: ADDRESS}
            killed(count, late=late)
            cut_over(request(2), after(1))
            assert network.stored == {NEW: ADDRESS}, (count, late)
