"""A service address moves to the active machine, is never on two, and goes back where it fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh.errors import HostKeyRefusedError, LoginRefusedError
from flakeship.system.process import Result
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.cutover import former, guest
from flakeship.targets.proxmox.cutover.cutover import check_active, cut_over, remove
from flakeship.targets.proxmox.requests import Cutover, CutoverRequest
from flakeship.targets.proxmox.resources import Marks, tags
from tests.targets.proxmox.unit.cluster import TOKEN, Cluster, Reply
from tests.targets.proxmox.unit.guests import (
    ADDRESS,
    OTHER,
    Machine,
    Network,
    mac,
    machine,
    request,
)

OLD, NEW = machine(1).machine, machine(2).machine


def marked(stack: str, name: str) -> list[str]:
    """The tags of the machine 9003."""
    return tags(9003, Marks(stack=stack, machine=name))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """An empty network."""
    made = Network()
    monkeypatch.setattr(guest, "login", made.login)
    return made


def after(number: int, address: str = ADDRESS) -> str:
    """What a cutover to a machine has left."""
    reached = [address.partition("/")[0] or machine(number).address]
    return codec.dump(Cutover(machine(number), address, None, reached))


def refused(asked: CutoverRequest, previous: str) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        cut_over(asked, previous)
    return caught.value


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


def test_a_lost_address_is_seen(network: Network) -> None:
    found = cut_over(request(1), "")
    network.stored.clear()
    with pytest.raises(FlakeshipError) as unreachable:
        check_active(found)
    assert unreachable.value.code == "ssh-unreachable"
    # somebody has it, and it is not what this machine keeps
    network.stored = {NEW: ADDRESS}
    with pytest.raises(FlakeshipError) as lost:
        check_active(found)
    assert (lost.value.code, lost.value.key) == ("service-address-lost", OLD)


# The old machine lets nobody in: what Proxmox VE says of it.

VM = "nodes/pve1/qemu/9001"


@pytest.fixture
def api(cluster: Cluster, network: Network, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The old machine has the address, runs, and lets nobody in."""
    monkeypatch.setenv("PROXMOX_VE_API_TOKEN", TOKEN)
    monkeypatch.setattr(former, "STOPPING", 0.0)
    network.put(OLD, ADDRESS)
    network.silent[OLD] = LoginRefusedError("no such key", key=OLD)
    cluster.get("cluster/resources?type=vm", [{"type": "qemu", "vmid": 9001, "node": "pve1"}])
    configure(cluster)
    cluster.get(f"{VM}/status/current", {"status": "running"})
    cluster.replies[f"POST {VM}/status/stop"] = switch(cluster, "stopped", network.off.add)
    cluster.replies[f"POST {VM}/status/start"] = switch(cluster, "running", network.off.discard)
    return cluster


def configure(cluster: Cluster, **more: str) -> None:
    found = {"net0": f"virtio={mac(OLD).upper()},bridge=vmbr0", "tags": ";".join(machine(1).tags)}
    cluster.get(f"{VM}/config", found | more)


def switch(
    cluster: Cluster, status: str, happens: Callable[[str], None]
) -> Callable[[BaseHTTPRequestHandler], None]:
    def behaviour(handler: BaseHTTPRequestHandler) -> None:
        happens(OLD)
        cluster.get(f"{VM}/status/current", {"status": status})
        body = json.dumps({"data": "UPID:pve1:0:0:0:qmstop:9001:iac@pve:"}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behaviour


def asked(cluster: Cluster, number: int = 2, address: str = ADDRESS) -> CutoverRequest:
    access = Access(f"https://127.0.0.1:{cluster.port}", ca_file=str(cluster.certificate))
    return request(number, address, access)


def powered(cluster: Cluster) -> list[str]:
    return [call.rpartition("/")[2] for call in cluster.calls if call.startswith("POST")]


@pytest.mark.parametrize("refusal", [LoginRefusedError("no"), HostKeyRefusedError("no")])
def test_a_machine_that_lets_nobody_in_is_stopped(
    api: Cluster, network: Network, caplog: pytest.LogCaptureFixture, refusal: FlakeshipError
) -> None:
    network.silent[OLD] = refusal
    with caplog.at_level(logging.WARNING):
        cut_over(asked(api), after(1))
    assert powered(api) == ["stop"]
    assert OLD in caplog.text
    assert network.holder(ADDRESS) == NEW


def test_a_removed_address_does_not_stay_on_a_machine_that_lets_nobody_in(
    api: Cluster, network: Network
) -> None:
    cut_over(asked(api, address=""), after(1))
    assert powered(api) == ["stop"]
    assert network.holder(ADDRESS) == ""


def test_a_stopped_machine_is_left_alone(api: Cluster, network: Network) -> None:
    network.off.add(OLD)
    api.get(f"{VM}/status/current", {"status": "stopped"})
    cut_over(asked(api), after(1))
    assert powered(api) == []
    assert network.holder(ADDRESS) == NEW


def test_a_machine_that_is_gone(api: Cluster, network: Network) -> None:
    network.off.add(OLD)
    api.get("cluster/resources?type=vm", [])
    cut_over(asked(api), after(1))
    assert network.holder(ADDRESS) == NEW


def test_somebody_elses_machine_is_not_stopped(api: Cluster, network: Network) -> None:
    """Its id is another machine's now, which has not the address."""
    configure(api, tags="theirs")
    network.stored.clear()
    cut_over(asked(api), after(1))
    assert powered(api) == []
    assert network.holder(ADDRESS) == NEW


def test_somebody_elses_machine_that_answers_keeps_the_address(
    api: Cluster, network: Network
) -> None:
    configure(api, tags="theirs")
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []
    assert network.holder(ADDRESS) == OLD


def test_a_container_with_its_id_is_not_it(api: Cluster, network: Network) -> None:
    network.stored.clear()
    api.get("cluster/resources?type=vm", [{"type": "lxc", "vmid": 9001, "node": "pve1"}])
    cut_over(asked(api), after(1))
    assert powered(api) == []


def test_a_machine_on_a_node_that_is_down_may_have_the_address(
    api: Cluster, network: Network
) -> None:
    api.replies[f"GET {VM}/config"] = Reply({"data": None}, 595, "No route to host")
    error = refused(asked(api), after(1))
    assert error.code == "former-machine-unreachable"
    assert "pve1" in error.what
    assert "pvecm delnode pve1" in error.remedy
    assert network.stored == {OLD: ADDRESS}


def test_nothing_is_stopped_for_an_address_that_another_machine_has(
    api: Cluster, network: Network
) -> None:
    network.stored.clear()
    network.strangers[ADDRESS] = "02:aa:aa:aa:aa:aa"
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []


@pytest.mark.parametrize("hangs", [True, False])
def test_a_machine_that_cannot_be_stopped_keeps_the_address(
    api: Cluster, network: Network, hangs: bool
) -> None:
    if hangs:
        api.replies[f"POST {VM}/status/stop"] = switch(api, "running", lambda _: None)
    else:
        del api.replies[f"POST {VM}/status/stop"]
    error = refused(asked(api), after(1))
    assert error.code == "former-machine-unreachable"
    assert "9001" in error.key
    assert error.remedy
    assert network.holder(ADDRESS) == OLD
    assert NEW not in network.stored


def test_a_stopped_machine_starts_again_where_the_new_one_fails(
    api: Cluster, network: Network
) -> None:
    network.broken = {(NEW, "set")}
    assert refused(asked(api), after(1)).code == "cutover-failed"
    assert powered(api) == ["start", "stop"]
    assert network.holder(ADDRESS) == OLD


THIRD = machine(3).machine


def stray(api: Cluster, tags: list[str]) -> None:
    """A machine that has the address, of which no cutover has told."""
    entry = {"type": "qemu", "vmid": 9003, "node": "pve2", "tags": ";".join(tags)}
    api.get("cluster/resources?type=vm", [entry])
    place = "nodes/pve2/qemu/9003"
    api.get(f"{place}/config", {"net0": f"virtio={mac(THIRD)}", "tags": ";".join(tags)})
    api.get(f"{place}/status/current", {"status": "running"})

    def stops(handler: BaseHTTPRequestHandler) -> None:
        switch(api, "stopped", lambda _: None)(handler)
        api.get(f"{place}/status/current", {"status": "stopped"})

    api.replies[f"POST {place}/status/stop"] = stops


@pytest.mark.parametrize("previous", ["", after(1), after(1, "")])
def test_a_machine_that_a_killed_run_left_active_is_stopped(
    api: Cluster, network: Network, monkeypatch: pytest.MonkeyPatch, previous: str
) -> None:
    """The next run wants another release: nobody can log in to the one of the killed run."""
    network.silent.clear()
    network.stored = {THIRD: ADDRESS}
    stray(api, machine(3).tags)
    plain = former.Former.release

    def release(self: former.Former, asked: CutoverRequest) -> None:
        plain(self, asked)
        network.off.add(self.machine.machine)

    monkeypatch.setattr(former.Former, "release", release)
    cut_over(asked(api), previous)
    assert powered(api) == ["stop"]
    assert network.holder(ADDRESS) == NEW


@pytest.mark.parametrize(
    "tags",
    [
        ["theirs"],
        marked("prod", "api-aaaa-0003"),
        marked("test", THIRD),
        [tag.replace("9003", "9004") for tag in machine(3).tags],
    ],
    ids=["no tags", "another server", "another stack", "a copy"],
)
def test_another_machine_that_has_the_address_is_not_stopped(
    api: Cluster, network: Network, tags: list[str]
) -> None:
    network.silent.clear()
    network.stored = {THIRD: ADDRESS}
    stray(api, tags)
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []
    assert network.stored == {THIRD: ADDRESS}


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


def test_a_missing_key_is_no_reason_to_stop_a_machine(api: Cluster, network: Network) -> None:
    network.silent[OLD] = FlakeshipError("there is no such key", code="identity-missing")
    assert refused(asked(api), after(1)).code == "identity-missing"
    assert powered(api) == []
